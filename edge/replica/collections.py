"""Which struct each collection holds, and which rest sealed under the device key."""

from typing import Final

import msgspec

from protocols.canteen import reference as canteen
from protocols.payments import reference as payments

STRUCTS: Final[dict[str, type[msgspec.Struct]]] = {
    "people": payments.Person,
    "credentials": payments.Credential,
    "credential_ages": payments.CredentialAge,
    "faces": payments.FaceRecord,
    "buckets": payments.Bucket,
    "scenes": payments.Scene,
    "price_rules": payments.PriceRule,
    "limit_rules": payments.LimitRule,
    "periods": payments.MealPeriod,
    "canteens": canteen.Canteen,
    "lanes": canteen.Lane,
    "dishes": canteen.Dish,
    "prices": canteen.Price,
    "plate_kinds": canteen.PlateKind,
    "plates": canteen.Plate,
    "scales": canteen.Scale,
    "operators": canteen.Operator,
}

SEALED: Final = frozenset({"credentials", "faces", "operators"})
"""PIN hashes, code keys and templates of faces: useless without the device's key file (rule 15)."""

REVOKING: Final = frozenset({"people", "credentials", "operators"})
"""Collections by which a revocation or an erasure arrives (rule 16)."""

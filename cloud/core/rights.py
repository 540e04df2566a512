"""The rights a role may hold. A right is a stable text; a new one is added here, one line with its meaning."""

from typing import Final

IDENTITY_READ: Final = "identity.read"
IDENTITY_MANAGE: Final = "identity.manage"
PERSONAL_READ: Final = "personal.read"
PLACES_MANAGE: Final = "places.manage"
AUDIT_READ: Final = "audit.read"
PAYMENTS_READ: Final = "payments.read"
PAYMENTS_MANAGE: Final = "payments.manage"
CANTEEN_READ: Final = "canteen.read"
CANTEEN_MANAGE: Final = "canteen.manage"
DEVICES_READ: Final = "devices.read"
DEVICES_MANAGE: Final = "devices.manage"
QUARANTINE_MEND: Final = "quarantine.mend"
DEMO_DISTURB: Final = "demo.disturb"

MEANINGS: Final[dict[str, str]] = {
    IDENTITY_READ: "see people, groups and cards",
    IDENTITY_MANAGE: "change people, cards, users and roles",
    PERSONAL_READ: "see identity numbers and phones unmasked",
    PLACES_MANAGE: "change sites and rooms",
    AUDIT_READ: "read the audit trail",
    PAYMENTS_READ: "see accounts, flows and statements",
    PAYMENTS_MANAGE: "top up, grant, refund, clear",
    CANTEEN_READ: "see settlements and the day",
    CANTEEN_MANAGE: "change dishes, plates, prices, lanes and meal periods",
    DEVICES_READ: "see gateways and their state",
    DEVICES_MANAGE: "provision, revoke and replace gateways",
    QUARANTINE_MEND: "mend and replay entries set aside",
    DEMO_DISTURB: "cut networks and kill gateways of the demonstration",
}
ALL: Final = frozenset(MEANINGS)

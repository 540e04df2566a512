"""What the simulated campus knows of the organisation it plays: the file that `python -m cloud seed` writes."""

from pathlib import Path

import msgspec


class GatewayFacts(msgspec.Struct, frozen=True):
    """A gateway to be, with its one-time code."""

    name: str
    site_id: int
    provisioning_code: str


class LaneFacts(msgspec.Struct, frozen=True):
    """A lane and the gateway that serves it. `kind`: plate, weigh, pos or gate; vision where a camera reads plates."""

    id: int
    code: str
    kind: str
    site_id: int
    canteen_id: int
    face_camera: bool = False


class PersonFacts(msgspec.Struct, frozen=True):
    """What a diner carries; empty where they have none."""

    id: int
    home_site: int
    card: str
    static_code: str = ""
    phone: str = ""
    pin: str = ""


class PlateFacts(msgspec.Struct, frozen=True):
    """A chipped plate of a site."""

    uid: str
    site_id: int


class OperatorFacts(msgspec.Struct, frozen=True):
    """Somebody who may operate lanes of a site."""

    site_id: int
    card: str
    pin: str


class WorldFacts(msgspec.Struct, frozen=True):
    """The whole file."""

    organisation_id: int
    gateways: list[GatewayFacts]
    lanes: list[LaneFacts]
    people: list[PersonFacts]
    plates: list[PlateFacts]
    operators: list[OperatorFacts]


def read_world(path: Path) -> WorldFacts:
    """Read the file; ValueError names what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=WorldFacts)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{path}: {error}; start over with FRESH=1") from error

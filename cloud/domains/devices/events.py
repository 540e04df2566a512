"""News of devices."""

from typing import Final

PROVISIONED: Final = "devices.provisioned"
FROZEN: Final = "devices.frozen"
CHANGED: Final = "devices.changed"

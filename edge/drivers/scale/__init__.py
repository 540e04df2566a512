"""Counter scales that report continuously: XK3190 (frame or line), Toledo continuous, CAS 22 bytes, A&D text."""

from edge.drivers.base import DriverInfo
from edge.drivers.scale.driver import Scale
from edge.drivers.scale.settings import ScaleSettings

DRIVER = DriverInfo(kind="scale", capability="weight_sensor", settings=ScaleSettings, make=Scale)

"""Turnstile or gate behind a Modbus relay module (TCP or RTU)."""

from edge.drivers.base import DriverInfo
from edge.drivers.turnstile.driver import Turnstile
from edge.drivers.turnstile.settings import TurnstileSettings

DRIVER = DriverInfo(kind="turnstile", capability="door", settings=TurnstileSettings, make=Turnstile)

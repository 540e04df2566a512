"""Every driver, one line each; and from settings to a driver."""

from collections.abc import Mapping

import msgspec

from edge.drivers import camera, card_reader, code_scanner, receipt_printer, scale, tray_reader, turnstile
from edge.drivers.base import AnyDriver, DriverContext, DriverInfo

DRIVERS: Mapping[str, DriverInfo] = {
    info.kind: info
    for info in (
        camera.DRIVER,
        card_reader.DRIVER,
        code_scanner.DRIVER,
        receipt_printer.DRIVER,
        scale.DRIVER,
        tray_reader.DRIVER,
        turnstile.DRIVER,
    )
}


class WrongDeviceSettingsError(ValueError):
    """A device's settings are wrong; the message names the field and the reason."""


def make_driver(kind: str, settings: Mapping[str, object], context: DriverContext) -> AnyDriver:
    """A driver, not connected yet; WrongDeviceSettingsError for an unknown kind, field, value or URL."""
    checked = check_settings(kind, settings)
    try:
        return DRIVERS[kind].make(checked, context)
    except ValueError as error:
        raise WrongDeviceSettingsError(f"{context.name}: {error}") from error


def check_settings(kind: str, settings: Mapping[str, object]) -> msgspec.Struct:
    """The settings typed; WrongDeviceSettingsError otherwise."""
    info = DRIVERS.get(kind)
    if info is None:
        raise WrongDeviceSettingsError(f"device kind {kind!r} is none of {', '.join(sorted(DRIVERS))}")
    try:
        return msgspec.convert(dict(settings), type=info.settings)
    except msgspec.ValidationError as error:
        raise WrongDeviceSettingsError(f"{kind}: {error}") from error

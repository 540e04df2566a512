import pytest

from edge.drivers.base import Camera, CardReader, CodeScanner, Door, Printer, TagReader, WeightSensor
from edge.drivers.registry import DRIVERS, WrongDeviceSettingsError, check_settings, make_driver
from tests.support.devices import driver_context

URL = "tcp://127.0.0.1:1"
CAPABILITIES: dict[str, type] = {
    "camera": Camera,
    "tag_reader": TagReader,
    "weight_sensor": WeightSensor,
    "card_reader": CardReader,
    "code_scanner": CodeScanner,
    "printer": Printer,
    "door": Door,
}


@pytest.mark.parametrize("kind", sorted(DRIVERS))
async def test_every_driver_fulfils_its_capability_and_closes_before_it_was_opened(kind: str) -> None:
    url = "rtsp://127.0.0.1:1/scene" if kind == "camera" else URL
    settings = {"url": url} | ({"protocol": "cas"} if kind == "scale" else {})
    driver = make_driver(kind, settings, driver_context("till 3"))
    assert isinstance(driver, CAPABILITIES[DRIVERS[kind].capability])
    assert driver.name == "till 3"
    await driver.close()
    await driver.close()


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        ("toaster", {}, "'toaster' is none of camera, card_reader"),
        ("card_reader", {}, "url"),
        ("card_reader", {"url": URL, "hold_of_s": 1}, "hold_of_s"),
        ("scale", {"url": URL, "protocol": "unknown"}, "protocol"),
        ("tray_reader", {"url": URL, "scan_time_100ms": 1}, "scan_time_100ms"),
    ],
)
def test_wrong_settings_name_the_field(kind: str, settings: dict[str, object], reason: str) -> None:
    with pytest.raises(WrongDeviceSettingsError, match=reason):
        check_settings(kind, settings)


@pytest.mark.parametrize("kind", ["card_reader", "turnstile"])
def test_a_wrong_url_names_the_device(kind: str) -> None:
    with pytest.raises(WrongDeviceSettingsError, match=r"till 3.*expected tcp"):
        make_driver(kind, {"url": "http://x"}, driver_context("till 3"))

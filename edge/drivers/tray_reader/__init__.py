"""UHF tray reader of the UHFReader18 family, polled round after round."""

from edge.drivers.base import DriverInfo
from edge.drivers.tray_reader.driver import TrayReader
from edge.drivers.tray_reader.settings import TrayReaderSettings

DRIVER = DriverInfo(kind="tray_reader", capability="tag_reader", settings=TrayReaderSettings, make=TrayReader)

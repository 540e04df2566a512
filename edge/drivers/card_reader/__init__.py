"""Serial card reader sending hex numbers."""

from edge.drivers.base import DriverInfo
from edge.drivers.card_reader.driver import SerialCardReader
from edge.drivers.card_reader.settings import CardReaderSettings

DRIVER = DriverInfo(kind="card_reader", capability="card_reader", settings=CardReaderSettings, make=SerialCardReader)

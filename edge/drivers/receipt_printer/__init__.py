"""ESC/POS receipt printer with Chinese text."""

from edge.drivers.base import DriverInfo
from edge.drivers.receipt_printer.driver import ReceiptPrinter
from edge.drivers.receipt_printer.settings import ReceiptPrinterSettings

DRIVER = DriverInfo(kind="receipt_printer", capability="printer", settings=ReceiptPrinterSettings, make=ReceiptPrinter)

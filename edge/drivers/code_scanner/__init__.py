"""Bar code and QR code scanner on a serial line."""

from edge.drivers.base import DriverInfo
from edge.drivers.code_scanner.driver import SerialCodeScanner
from edge.drivers.code_scanner.settings import CodeScannerSettings

DRIVER = DriverInfo(
    kind="code_scanner", capability="code_scanner", settings=CodeScannerSettings, make=SerialCodeScanner
)

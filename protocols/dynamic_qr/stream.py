"""Payment codes out of a scanner's bytes."""

from protocols.code_scanner.stream import CodeStream
from protocols.dynamic_qr.codec import parse_any
from protocols.dynamic_qr.messages import DynamicCode, StaticCode
from protocols.values.errors import Malformed


class PaymentCodeStream:
    """Bytes of a scanner in, payment codes out; other codes are skipped and counted in `other_codes`."""

    def __init__(self) -> None:
        self._codes = CodeStream()
        self.other_codes = 0

    def feed(self, data: bytes) -> list[DynamicCode | StaticCode]:
        """Return the payment codes completed by these bytes."""
        found: list[DynamicCode | StaticCode] = []
        for code in self._codes.feed(data):
            try:
                found.append(parse_any(code.text))
            except Malformed:
                self.other_codes += 1
        return found

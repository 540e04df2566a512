"""Settings of a receipt printer."""

from typing import Annotated

import msgspec


class ReceiptPrinterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` as tcp:// (port 9100 usual) or serial://."""

    url: str
    columns: Annotated[int, msgspec.Meta(ge=16, le=64)] = 32
    """Columns of a line in half-width characters: 32 on 58 mm paper, 48 on 80 mm."""
    status_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    """Longest wait for one status byte."""
    print_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    """Longest time from the first byte of a receipt until the printer tells that it is through."""
    confirms: bool = True
    """Whether the printer answers GS r 1 once all is printed; off for models that do not know it."""

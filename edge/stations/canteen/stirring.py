"""Whether a camera's picture has changed since it was looked at last: a still tray need not be looked at again."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIZE: Final = (64, 48)
_SPOT: Final = 14.0  # of 255, at the spot that changed most; a sensor's grain averaged over a spot is below 2
_WHOLE: Final = 3.0  # of 255, over the whole picture, as when the light changes


class Stirring:
    """Remembers the picture looked at last as a small one."""

    def __init__(self) -> None:
        self._last: Any = None

    def forget(self) -> None:
        """The next picture counts as changed."""
        self._last = None

    def stirred(self, picture: "NDArray[np.uint8]") -> bool:
        """Whether to look at this one; if so it is remembered."""
        import cv2  # noqa: PLC0415  only a gateway with a camera pays for it
        import numpy as np  # noqa: PLC0415

        small = cv2.resize(picture, _SIZE, interpolation=cv2.INTER_AREA).astype(np.int16)
        if self._last is not None:
            apart = np.abs(small - self._last)
            if float(apart.max()) < _SPOT and float(apart.mean()) < _WHOLE:
                return False
        self._last = small
        return True

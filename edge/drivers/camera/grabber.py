"""Reads a camera in a thread of its own and keeps the newest picture alone."""

import threading
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from edge.drivers.base import Frame
from edge.drivers.camera.source import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_PIXELS: Final = 40_000_000
_FAILED_READS: Final = 5


class Grabber:
    """One connection to a camera. `start` once; `told` is called from the thread at each picture and at the end."""

    def __init__(
        self,
        source: Source,
        *,
        timeout_s: float,
        most_fps: float,
        most_side_px: int,
        monotonic_s: Callable[[], float],
        told: Callable[[], None],
    ) -> None:
        self.error = ""  # why it ended; read after `told`
        self.dropped = 0
        self.same_since_s = 0.0  # since when the picture has been the same to the byte
        self.digest = 0
        self._source, self._timeout_s = source, timeout_s
        self._least_gap_s, self._most_side_px = 1.0 / most_fps, most_side_px
        self._monotonic_s, self._told = monotonic_s, told
        self._lock = threading.Lock()
        self._newest: Frame | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {source.shown}", daemon=True)

    def start(self) -> None:
        """Begin; nothing of it blocks."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does after the read under way, which is bounded."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end."""
        return self._stopping.is_set()

    @property
    def ended(self) -> bool:
        """Whether the thread is gone and the camera released."""
        return not self._thread.is_alive()

    def take(self) -> Frame | None:
        """The newest picture, once."""
        with self._lock:
            frame, self._newest = self._newest, None
        return frame

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                capture = self._source.open(timeout_s=self._timeout_s)
                try:
                    self._read(capture)
                finally:
                    capture.release()
                if self._source.kind != "file":
                    self.error = self.error or "the stream ended"
                    break
        except Exception as error:  # noqa: BLE001  whatever the capture meets ends this connection alone, with its words
            self.error = str(error) or type(error).__name__
        self._told()

    def _read(self, capture: Any) -> None:
        """Until the stream ends, or `stop`. A picture that cannot be decoded is passed over; several are the end."""
        period_s, failed, last_s, sequence = self._source.period_s(capture), 0, 0.0, 0
        while not self._stopping.is_set() and failed < _FAILED_READS:
            if not capture.grab():
                break
            sequence += 1
            now_s = time.monotonic()
            if now_s - last_s >= self._least_gap_s:
                well, picture = capture.retrieve()
                failed = 0 if well else failed + 1
                if well:
                    last_s = now_s
                    self._keep(picture, sequence)
            if period_s:
                self._stopping.wait(period_s)
        if not self.digest and not self._stopping.is_set():
            raise OSError(f"{self._source.shown} shows no picture")

    def _keep(self, picture: "NDArray[np.uint8]", sequence: int) -> None:
        height, width = picture.shape[:2]
        if height * width > _MOST_PIXELS:
            raise OSError(f"pictures of {width} x {height} are larger than any camera here should send")
        longest = max(height, width)
        if longest > self._most_side_px:
            import cv2  # noqa: PLC0415

            ratio = self._most_side_px / longest
            picture = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        at_s = self._monotonic_s()
        digest = zlib.crc32(picture.data)
        if digest != self.digest:
            self.digest, self.same_since_s = digest, at_s
        with self._lock:
            self.dropped += self._newest is not None
            self._newest = Frame(picture, sequence, at_s)
        self._told()

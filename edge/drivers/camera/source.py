"""Opens what a camera's URL names; nothing else knows OpenCV's capture."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

Kind = Literal["rtsp", "usb", "file"]
_SCHEMES: Final[dict[str, Kind]] = {"rtsp": "rtsp", "rtsps": "rtsp", "usb": "usb", "file": "file"}
# OpenCV reads these from the environment alone: pictures by TCP, and no seconds spent on looking at the stream first
_STREAM_OPTIONS: Final = "rtsp_transport;tcp|analyzeduration;200000|probesize;500000|fflags;nobuffer"


@dataclass(frozen=True, slots=True)
class Source:
    """Where pictures come from. `place` is the URL, the device's number or path, or the file's path."""

    kind: Kind
    place: str
    shown: str  # for logs, without a password

    @classmethod
    def parse(cls, url: str) -> "Source":
        """Raises ValueError, naming the forms there are."""
        parts = urlsplit(url)
        kind = _SCHEMES.get(parts.scheme)
        rest = url.partition(":")[2].removeprefix("//")
        if kind is None or not rest or (kind == "rtsp" and not parts.hostname):
            raise ValueError(f"a camera's url is rtsp://host/path, usb:0, usb:/dev/video0 or file:/path, not {url!r}")
        if kind == "rtsp":
            port = f":{parts.port}" if parts.port else ""
            return cls(kind, url, f"{parts.scheme}://{parts.hostname}{port}{parts.path}")
        return cls(kind, rest, url)

    def open(self, *, timeout_s: float) -> Any:
        """An opened capture (cv2.VideoCapture). Blocks; raises OSError where there is none."""
        import cv2  # noqa: PLC0415  only a gateway with a camera pays for it

        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", _STREAM_OPTIONS)
        if self.kind == "file" and not Path(self.place).is_file():
            raise OSError(f"there is no file {self.place}")
        if self.kind == "usb":
            device: int | str = int(self.place) if self.place.isdigit() else self.place
            capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        else:
            limit_ms = int(timeout_s * 1000)
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
            capture = cv2.VideoCapture(self.place, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            capture.release()
            raise OSError(f"{self.shown} cannot be opened")
        return capture

    def period_s(self, capture: Any) -> float:
        """Time between two pictures of a file, which has no pace of its own; 0 for what comes live."""
        if self.kind != "file":
            return 0.0
        import cv2  # noqa: PLC0415

        fps = float(capture.get(cv2.CAP_PROP_FPS) or 0.0)
        return 1.0 / fps if 1.0 <= fps <= 120.0 else 0.04  # noqa: PLR2004  what a file can truly mean

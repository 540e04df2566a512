"""Settings of a camera."""

from typing import Annotated

import msgspec

from edge.drivers.base import LooksAt


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url`: rtsp://[user:password@]host[:port]/path, usb:0, usb:/dev/video0, or file:/path, which plays for ever."""

    url: str
    looks_at: LooksAt = "tray"
    """What it is there for: the tray on the counter, or the face of whoever pays."""
    most_fps: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    """Pictures a second at most; the camera may send more."""
    most_side_px: Annotated[int, msgspec.Meta(ge=160, le=4096)] = 1280
    """Larger pictures are made smaller at once."""
    silent_after_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 5.0
    """Without a picture for so long the camera counts as gone."""
    frozen_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 10.0
    """The very same picture for so long is a stream that froze; 0 never (a file of one picture)."""
    open_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 8.0
    """Longest wait for the first picture."""

"""What an RTSP server answers (RFC 2326), for one JPEG stream interleaved on the same connection (10.12).

Pure: text in, text out. A client that wants UDP is told 461, as a camera set to TCP alone does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER"
MOST_REQUEST_BYTES: Final = 8_192
_INTERLEAVED: Final = re.compile(r"interleaved=(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]

    @property
    def body_bytes(self) -> int:
        """How many bytes of body follow."""
        text = self.headers.get("content-length", "0")
        return int(text) if text.isdigit() else 0


def parse(text: str) -> Request:
    """A request up to its empty line. Raises ValueError."""
    first, *rest = text.splitlines()
    method, url, version = first.split(" ")
    if version != "RTSP/1.0":
        raise ValueError(f"not RTSP: {first[:80]!r}")
    pairs = (line.partition(":") for line in rest if line)
    return Request(method, url, {name.strip().lower(): value.strip() for name, _, value in pairs})


@dataclass
class Conversation:
    """One client: what it set up, and whether it plays now."""

    session: str
    frames_per_s: float
    channel: int = 0
    playing: bool = False
    ended: bool = False
    _set_up: bool = field(default=False)

    def answer(self, request: Request) -> str:
        """The reply to a request, whole."""
        match request.method:
            case "OPTIONS":
                return self._say(request, 200, "OK", {"Public": METHODS})
            case "DESCRIBE":
                return self._describe(request)
            case "SETUP":
                return self._setup(request)
            case "PLAY":
                return self._play(request)
            case "PAUSE" | "TEARDOWN" | "GET_PARAMETER":
                self.playing = self.playing and request.method == "GET_PARAMETER"
                self.ended = request.method == "TEARDOWN"
                return self._say(request, 200, "OK")
        return self._say(request, 501, "Not Implemented")

    def _play(self, request: Request) -> str:
        if not self._set_up:
            return self._say(request, 455, "Method Not Valid in This State")
        self.playing = True
        return self._say(request, 200, "OK", {"Range": "npt=now-", "RTP-Info": f"url={request.url}"})

    def _describe(self, request: Request) -> str:
        body = "\r\n".join(
            (
                "v=0",
                "o=- 0 0 IN IP4 127.0.0.1",
                "s=scene",
                "c=IN IP4 0.0.0.0",
                "t=0 0",
                "m=video 0 RTP/AVP 26",
                f"a=framerate:{self.frames_per_s:g}",
                "a=control:track1",
                "",
            )
        )
        headers = {"Content-Base": request.url.rstrip("/") + "/", "Content-Type": "application/sdp"}
        return self._say(request, 200, "OK", headers, body)

    def _setup(self, request: Request) -> str:
        wanted = request.headers.get("transport", "")
        found = _INTERLEAVED.search(wanted)
        if "TCP" not in wanted.upper() or found is None or int(found[1]) > 254:  # noqa: PLR2004  a channel is a byte
            return self._say(request, 461, "Unsupported Transport")
        self.channel, self._set_up = int(found[1]), True
        return self._say(request, 200, "OK", {"Transport": f"RTP/AVP/TCP;unicast;interleaved={found[1]}-{found[2]}"})

    def _say(
        self, request: Request, status: int, word: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> str:
        lines = [f"RTSP/1.0 {status} {word}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if self._set_up:
            lines.append(f"Session: {self.session};timeout=60")
        if body:
            lines.append(f"Content-Length: {len(body.encode())}")
        return "\r\n".join([*lines, "", body])

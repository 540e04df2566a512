"""Logging to standard error: text for people or one JSON object a line. Secrets never pass a log call."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

_ROOT: Final = "edge"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def configure(*, level: str, style: str) -> None:
    """Send the edge's log to standard error; `style` is "text" or "json"."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if style == "json" else text)
    root = logging.getLogger(_ROOT)
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False


def logger(part: str) -> logging.Logger:
    """The logger of a part, named below the edge's own."""
    return logging.getLogger(f"{_ROOT}.{part}")

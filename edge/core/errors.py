"""Errors of the edge, typed by what the caller should do."""


class EdgeError(Exception):
    """Parent of the edge's own errors."""


class Stopped(EdgeError):
    """The part is shutting down: do not try again in this process."""


class Unreachable(EdgeError):
    """The other side cannot be reached or did not answer in time: try again later, trading goes on."""


class Rejected(EdgeError):
    """The other side answered no; `code` is its stable word and `retry` whether the same may help later."""

    def __init__(self, code: str, detail: str = "", *, retry: bool = False) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.retry = code, detail, retry

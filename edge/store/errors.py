"""What a store says when it cannot keep a record."""

from edge.core.errors import EdgeError, Stopped


class StoreError(EdgeError):
    """Nothing of the unit was kept."""


class StoreFull(StoreError):
    """The disk is too full for new business: refuse it in clear words. Facts in hand still go by the reserve."""


class StoreBusy(StoreError):
    """More units wait than the bound allows: try again."""


class StoreBroken(StoreError):
    """The file failed its check or the disk failed a write: a person must look."""


class StoreLocked(StoreError):
    """Another process has this store open."""


class StoreStopped(StoreError, Stopped):
    """The writer has ended; the unit was not run."""

"""Errors of face recognition, typed by what the caller should do."""

from models.errors import RecognitionError


class GalleryTorn(RecognitionError):
    """The sealed gallery does not hold together: go on without faces, fetch it anew. `readable` templates did hold."""

    def __init__(self, message: str, *, readable: int = 0) -> None:
        super().__init__(message)
        self.readable = readable


class GalleryBusy(RecognitionError):
    """Another process holds the gallery: only one may write it."""


class GalleryOfAnotherNetwork(RecognitionError):
    """The templates were made by another embedding network and compare with nothing here: enrol anew."""


class EnrolmentRefused(RecognitionError):
    """This enrolment is not stored: no consent, no template, or too many of one person."""

"""Errors of dish recognition, typed by what the caller should do."""

from models.errors import RecognitionError


class PictureUnusable(RecognitionError):
    """Nothing can be told from this picture: take another, or ask a person. Its text is the reason, in a word."""


class NothingTaught(RecognitionError):
    """No picture was given for this dish: teach it from at least one."""


class AlbumTorn(RecognitionError):
    """The album of taught pictures holds a record that is not the last and cannot be read: restore it."""

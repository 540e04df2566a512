"""Errors of the recognition networks, typed by what the caller should do."""


class RecognitionError(Exception):
    """Root of the errors of `models`."""


class NetworkUnknown(RecognitionError):
    """No entry of the registry has this name: a mistake of the caller or of the operator's own entries."""


class NetworkMissing(RecognitionError):
    """The network is not in the store: fetch it, or go on with what needs no download."""


class NetworkDamaged(RecognitionError):
    """The file is not the one the registry names: never open it; fetch it again."""


class NetworkUnavailable(RecognitionError):
    """It could not be had now (no network, no such file, a conversion is needed): another source may do."""


class SourceUnreachable(NetworkUnavailable):
    """The public source does not answer: no use in asking it for the next file."""


class RegistryMalformed(RecognitionError):
    """An entry of the registry lacks a field or has a wrong one: mend the entry."""

"""Errors of this package, typed by what the caller should do."""


class CryptoError(Exception):
    """Root of the errors of `protocols.crypto`."""


class BadKey(CryptoError):
    """The key is malformed or not on the curve: refuse it, another try cannot help."""


class BadCiphertext(CryptoError):
    """The ciphertext or its tag does not hold: it was altered or the key is another."""


class SelfTestFailed(CryptoError):
    """A known answer came out wrong: this process must not start."""

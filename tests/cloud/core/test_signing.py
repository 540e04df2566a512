"""The core's own key signs what people and gateways rely on later."""

from pathlib import Path

import pytest

from cloud.core.errors import Unavailable
from cloud.core.signing import CoreSigner, read_signing_key

pytestmark = pytest.mark.capability("PLT-10")


def test_what_it_signed_verifies_and_nothing_else_does() -> None:
    signer = CoreSigner(bytes(range(1, 33)))
    signature = signer.sign(b"open the door")
    assert signer.verify(b"open the door", signature)
    assert not signer.verify(b"open the doors", signature)
    assert not CoreSigner(bytes(range(2, 34))).verify(b"open the door", signature)
    assert signer.sign(b"open the door") != signature, "each signature takes a fresh nonce"


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    assert read_signing_key(path) == read_signing_key(path)
    assert path.stat().st_mode & 0o077 == 0
    assert CoreSigner(read_signing_key(path)).token_secret == CoreSigner(read_signing_key(path)).token_secret


def test_a_damaged_key_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_text("not hex")
    with pytest.raises(Unavailable):
        read_signing_key(path)
    with pytest.raises(Unavailable):
        CoreSigner(bytes(32))

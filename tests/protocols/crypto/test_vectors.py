"""SM2, SM3 and SM4 against published vectors: every valid one reproduces, every invalid one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from protocols.crypto import selftest, sm2, sm3, sm4
from protocols.crypto.errors import BadCiphertext, BadKey, SelfTestFailed

pytestmark = pytest.mark.capability("PLT-10")
VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text())


def test_the_self_test_passes() -> None:
    selftest.run_self_test()
    assert sm3.sm3(b"abc").hex() == selftest._SM3_ABC


@pytest.mark.parametrize("name", ["_SM3_ABC", "_GCM_TAG", "_SM2_SIGNATURE"])
def test_the_self_test_fails_on_any_other_answer(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(selftest, name, "00" * 32)
    with pytest.raises(SelfTestFailed):
        selftest.run_self_test()


@pytest.mark.parametrize("vector", VECTORS["sm3"], ids=lambda v: v["message"][:16] or "empty")
def test_sm3_reproduces(vector: dict[str, str]) -> None:
    assert sm3.sm3(bytes.fromhex(vector["message"])).hex() == vector["digest"]


@pytest.mark.parametrize("vector", VECTORS["hmac_sm3"], ids=lambda v: str(v["id"]))
def test_hmac_sm3_reproduces_and_refuses(vector: dict[str, Any]) -> None:
    made = sm3.hmac_sm3(bytes.fromhex(vector["key"]), bytes.fromhex(vector["message"]))
    tag = bytes.fromhex(vector["tag"])
    assert sm3.equal(made[: len(tag)], tag) is (vector["result"] == "valid")


@pytest.mark.parametrize("vector", VECTORS["sm4_gcm"], ids=lambda v: str(v["id"]))
def test_sm4_gcm_reproduces_and_refuses(vector: dict[str, Any]) -> None:
    key, nonce, plain, associated = (bytes.fromhex(vector[name]) for name in ("key", "nonce", "plain", "associated"))
    sealed = nonce + bytes.fromhex(vector["cipher"]) + bytes.fromhex(vector["tag"])
    if vector["result"] == "valid":
        assert sm4.seal(key=key, nonce=nonce, plaintext=plain, associated=associated) == sealed
        assert sm4.open_sealed(key=key, sealed=sealed, associated=associated) == plain
    else:
        with pytest.raises(BadCiphertext):
            sm4.open_sealed(key=key, sealed=sealed, associated=associated)


@pytest.mark.parametrize("vector", VECTORS["sm2_sign"], ids=lambda v: v["comment"])
def test_sm2_signatures_reproduce_and_verify(vector: dict[str, str]) -> None:
    private, nonce = bytes.fromhex(vector["private"]), bytes.fromhex(vector["nonce"])
    message, identity = bytes.fromhex(vector["message"]), vector["identity"].encode()
    public = sm2.public_key(private)
    made = sm2.sign(private=private, public=public, message=message, nonce=nonce, identity=identity)
    assert made is not None
    assert made.hex() == vector["signature"]
    assert sm2.verify(public=public, message=message, signature=made, identity=identity)
    assert not sm2.verify(public=public, message=message + b"!", signature=made, identity=identity)
    assert not sm2.verify(public=public, message=message, signature=made, identity=identity + b"!")


@pytest.mark.parametrize("vector", VECTORS["sm2_verify"], ids=lambda v: v["comment"])
def test_sm2_signatures_of_openssl_verify(vector: dict[str, str]) -> None:
    public, e, signature = (bytes.fromhex(vector[name]) for name in ("public", "digest", "signature"))
    sm2.check_public_key(public)
    assert sm2.verify_digest(public=public, e=e, signature=signature)
    assert not sm2.verify_digest(public=public, e=e[::-1], signature=signature)


PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
NONCE = bytes.fromhex("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21")
ORDER = int("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16)


def _signed() -> tuple[bytes, bytes]:
    public = sm2.public_key(PRIVATE)
    made = sm2.sign(private=PRIVATE, public=public, message=b"m", nonce=NONCE)
    assert made is not None
    return public, made


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r, s: b"", id="empty"),
        pytest.param(lambda r, s: _number(r) + _number(s) + b"\0", id="too long"),
        pytest.param(lambda r, s: _number(0) + _number(s), id="r is zero"),
        pytest.param(lambda r, s: _number(r) + _number(0), id="s is zero"),
        pytest.param(lambda r, s: _number(ORDER) + _number(s), id="r is the order"),
        pytest.param(lambda r, s: _number(r) + _number(s + ORDER if s + ORDER < 2**256 else ORDER), id="s not reduced"),
        pytest.param(lambda r, s: _number(r) + _number(ORDER - r), id="r + s is the order"),
        pytest.param(lambda r, s: _number(s) + _number(r), id="swapped"),
    ],
)
def test_a_malformed_signature_is_false_and_never_an_exception(change: Any) -> None:
    public, made = _signed()
    r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big")
    assert not sm2.verify(public=public, message=b"m", signature=change(r, s))


@pytest.mark.parametrize("public", [b"", bytes(64), b"\xff" * 64, b"\x01" * 64, bytes(63)])
def test_a_key_off_the_curve_is_refused(public: bytes) -> None:
    _, made = _signed()
    with pytest.raises(BadKey):
        sm2.check_public_key(public)
    assert not sm2.verify(public=public, message=b"m", signature=made)


@pytest.mark.parametrize("private", [bytes(32), _number(ORDER - 1), _number(ORDER), b"\x01" * 31])
def test_a_private_key_out_of_range_is_refused(private: bytes) -> None:
    with pytest.raises(BadKey):
        sm2.public_key(private)


@pytest.mark.parametrize("nonce", [bytes(32), _number(ORDER), b"\x01" * 31])
def test_a_nonce_out_of_range_gives_no_signature(nonce: bytes) -> None:
    public = sm2.public_key(PRIVATE)
    assert sm2.sign(private=PRIVATE, public=public, message=b"m", nonce=nonce) is None


def test_public_keys_that_begin_with_the_digits_gmssl_strips_still_verify() -> None:
    found = 0
    for number in range(1, 400):
        private = _number(number * 0x9E3779B97F4A7C15)
        public = sm2.public_key(private)
        if public[0] >> 4 in (0, 4):
            made = sm2.sign(private=private, public=public, message=b"m", nonce=NONCE)
            assert made is not None
            assert sm2.verify(public=public, message=b"m", signature=made)
            found += 1
        if found >= 6:
            return
    pytest.fail("no such key among those tried")


def test_private_keys_come_only_from_enough_randomness() -> None:
    assert sm2.private_key_from(bytes(32)) == _number(1)
    assert int.from_bytes(sm2.private_key_from(b"\xff" * 40), "big") < ORDER - 1
    with pytest.raises(BadKey):
        sm2.private_key_from(bytes(31))


@pytest.mark.parametrize("cut", [0, 5, 27])
def test_a_short_ciphertext_is_refused(cut: int) -> None:
    with pytest.raises(BadCiphertext):
        sm4.open_sealed(key=bytes(16), sealed=bytes(cut))


def test_sm4_refuses_keys_and_nonces_of_another_size() -> None:
    with pytest.raises(BadKey):
        sm4.seal(key=bytes(15), nonce=bytes(12), plaintext=b"")
    with pytest.raises(BadKey):
        sm4.seal(key=bytes(16), nonce=bytes(13), plaintext=b"")

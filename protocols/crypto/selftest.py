"""Known-answer self-test: run once when a process starts, before any key is used."""

from protocols.crypto import sm2, sm3, sm4
from protocols.crypto.errors import SelfTestFailed

# GB/T 32905-2016 Annex A.1; GB/T 32907-2016 through RFC 8998 Appendix A.2; GB/T 32918.5-2017 Annex A.
_SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_GCM_KEY = "0123456789abcdeffedcba9876543210"
_GCM_NONCE = "00001234567800000000abcd"
_GCM_PLAIN = "aa" * 8 + "bb" * 8 + "cc" * 8 + "dd" * 8 + "ee" * 8 + "ff" * 8 + "ee" * 8 + "aa" * 8
_GCM_ASSOCIATED = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
_GCM_CIPHER = (
    "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
    "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
)
_GCM_TAG = "83de3541e4c2b58177e065a9bf7b62ec"
_SM2_PRIVATE = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
_SM2_NONCE = "59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21"
_SM2_SIGNATURE = (
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


def run_self_test() -> None:
    """Raise SelfTestFailed unless SM2, SM3 and SM4 give their published answers."""
    _expect("SM3", sm3.sm3(b"abc").hex(), _SM3_ABC)
    sealed = sm4.seal(
        key=bytes.fromhex(_GCM_KEY),
        nonce=bytes.fromhex(_GCM_NONCE),
        plaintext=bytes.fromhex(_GCM_PLAIN),
        associated=bytes.fromhex(_GCM_ASSOCIATED),
    )
    _expect("SM4-GCM", sealed.hex(), _GCM_NONCE + _GCM_CIPHER + _GCM_TAG)
    private = bytes.fromhex(_SM2_PRIVATE)
    public = sm2.public_key(private)
    signature = sm2.sign(private=private, public=public, message=b"message digest", nonce=bytes.fromhex(_SM2_NONCE))
    _expect("SM2 sign", (signature or b"").hex(), _SM2_SIGNATURE)
    holds = sm2.verify(public=public, message=b"message digest", signature=bytes.fromhex(_SM2_SIGNATURE))
    _expect("SM2 verify", str(holds), "True")


def _expect(name: str, got: str, wanted: str) -> None:
    if got != wanted:
        raise SelfTestFailed(f"{name}: {got} instead of {wanted}")

"""Personal fields at rest: SM4-GCM under a data key per organisation, itself wrapped by a master key; blind indexes."""

import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud.core.clock import Clock
from cloud.core.database import Transaction
from cloud.core.errors import CloudError, Unavailable
from protocols.crypto import sm4
from protocols.crypto.errors import BadCiphertext, CryptoError
from protocols.crypto.sm3 import hmac_sm3

_FORMAT: Final = 1
_HEADER: Final = struct.Struct(">BI")
_INDEX_KEY_SIZE: Final = 32


class SealBroken(CloudError):
    """A stored field does not open: the key is another one or the row was altered."""

    code = "seal_broken"
    title = "A stored field cannot be opened"


@dataclass(frozen=True)
class OrganisationKeys:
    """The keys of one organisation, unwrapped. Hold it for one use case, never longer."""

    organisation_id: int
    seal_keys: dict[int, bytes]
    index_key: bytes

    @property
    def newest(self) -> int:
        """The version new fields are sealed under."""
        return max(self.seal_keys)

    def seal(self, text: str, *, field: str) -> bytes:
        """Encrypt; `field` ("identity.people.phone") is bound to it, so a value cannot be moved to another column."""
        header = _HEADER.pack(_FORMAT, self.newest)
        return header + sm4.seal(
            key=self.seal_keys[self.newest],
            nonce=secrets.token_bytes(sm4.NONCE_SIZE),
            plaintext=text.encode(),
            associated=self._associated(header, field),
        )

    def open(self, sealed: bytes, *, field: str) -> str:
        """Decrypt what any version of these keys sealed. Raises SealBroken."""
        header, body = sealed[: _HEADER.size], sealed[_HEADER.size :]
        try:
            form, version = _HEADER.unpack(header)
            key = self.seal_keys[version]
            if form != _FORMAT:
                raise SealBroken(f"format {form} is not known")
            return sm4.open_sealed(key=key, sealed=body, associated=self._associated(header, field)).decode()
        except (struct.error, KeyError, BadCiphertext, UnicodeDecodeError) as error:
            raise SealBroken(field=field) from error

    def blind(self, text: str, *, field: str) -> bytes:
        """The blind index of a value: equal texts of one field give equal bytes, which tell nothing without the key."""
        return hmac_sm3(self.index_key, field.encode() + b"\0" + text.encode())

    def version_of(self, sealed: bytes) -> int:
        """The key version a value was sealed under."""
        return int(_HEADER.unpack_from(sealed)[1])

    def _associated(self, header: bytes, field: str) -> bytes:
        return header + self.organisation_id.to_bytes(8, "big") + field.encode()


class Vault:
    """Gives out the keys of the transaction's organisation; makes them at first need."""

    def __init__(self, master_key: bytes, clock: Clock) -> None:
        if len(master_key) != sm4.KEY_SIZE:
            raise Unavailable(f"the master key has {len(master_key)} bytes, not {sm4.KEY_SIZE}")
        self._master = master_key
        self._clock = clock

    async def keys(self, tx: Transaction) -> OrganisationKeys:
        """The keys of `tx.organisation_id`. Raises SealBroken under a master key that did not wrap them."""
        rows = await tx.fetch(
            "SELECT purpose, version, wrapped FROM core_data_keys WHERE organisation_id = $1", tx.organisation_id
        )
        if not rows:
            await self._make(tx)
            return await self.keys(tx)
        organisation = _organisation(tx)
        seal_keys: dict[int, bytes] = {}
        index_key = b""
        for row in rows:
            key = self._unwrap(bytes(row["wrapped"]), organisation, row["purpose"], row["version"])
            if row["purpose"] == "seal":
                seal_keys[row["version"]] = key
            else:
                index_key = key
        return OrganisationKeys(organisation, seal_keys, index_key)

    async def rotate(self, tx: Transaction) -> int:
        """Give the organisation a new data key and answer its version; what older ones sealed stays readable."""
        version = (await self.keys(tx)).newest + 1
        await self._store(tx, "seal", version, secrets.token_bytes(sm4.KEY_SIZE))
        return version

    async def rewrap(self, tx: Transaction, *, new_master: bytes) -> int:
        """Wrap all keys that `tx` (a system transaction) sees by `new_master` instead; answers how many."""
        rows = await tx.fetch("SELECT organisation_id, purpose, version, wrapped FROM core_data_keys FOR UPDATE")
        successor = Vault(new_master, self._clock)
        for row in rows:
            place = (row["organisation_id"], row["purpose"], row["version"])
            wrapped = successor._wrap(self._unwrap(bytes(row["wrapped"]), *place), *place)
            await tx.execute(
                "UPDATE core_data_keys SET wrapped = $4 WHERE organisation_id = $1 AND purpose = $2 AND version = $3",
                *place,
                wrapped,
            )
        return len(rows)

    async def _make(self, tx: Transaction) -> None:
        await self._store(tx, "seal", 1, secrets.token_bytes(sm4.KEY_SIZE))
        await self._store(tx, "index", 1, secrets.token_bytes(_INDEX_KEY_SIZE))

    async def _store(self, tx: Transaction, purpose: str, version: int, key: bytes) -> None:
        organisation = _organisation(tx)
        await tx.execute(
            "INSERT INTO core_data_keys (organisation_id, purpose, version, wrapped, created_at) "
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            organisation,
            purpose,
            version,
            self._wrap(key, organisation, purpose, version),
            self._clock.now(),
        )

    def _wrap(self, key: bytes, organisation: int, purpose: str, version: int) -> bytes:
        nonce = secrets.token_bytes(sm4.NONCE_SIZE)
        associated = f"{organisation}/{purpose}/{version}".encode()
        return sm4.seal(key=self._master, nonce=nonce, plaintext=key, associated=associated)

    def _unwrap(self, wrapped: bytes, organisation: int, purpose: str, version: int) -> bytes:
        try:
            associated = f"{organisation}/{purpose}/{version}".encode()
            return sm4.open_sealed(key=self._master, sealed=wrapped, associated=associated)
        except CryptoError as error:
            raise SealBroken("the master key is not the one these keys were wrapped by") from error


def read_master_key(path: Path) -> bytes:
    """The master key from its file (32 hex digits, readable by its owner only); made there if the file is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_secret(path, secrets.token_hex(sm4.KEY_SIZE).encode() + b"\n")
    if path.stat().st_mode & 0o077:
        raise Unavailable(f"{path.name} may be read by others: chmod 600")
    try:
        return bytes.fromhex(path.read_text().strip())
    except ValueError as error:
        raise Unavailable(f"{path.name} does not hold a key in hex digits") from error


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _organisation(tx: Transaction) -> int:
    if tx.organisation_id is None:
        raise Unavailable("keys belong to an organisation: enter one first")
    return tx.organisation_id

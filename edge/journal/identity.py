"""Who this gateway is: told by the cloud once, kept in the store; the device's secrets in a file of their own."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from edge.store.connection import Reader
from edge.store.errors import StoreBroken, StoreFull
from edge.store.files import SYSTEM_FILES, Files
from edge.store.schema import Schema
from edge.store.transaction import Transaction
from protocols.crypto import sm2, sm4
from protocols.crypto.errors import CryptoError

IDENTITY_SCHEMA = Schema(
    "identity",
    (
        """
        CREATE TABLE identity (
            one INTEGER PRIMARY KEY CHECK (one = 1), organisation INTEGER NOT NULL, site INTEGER NOT NULL,
            device INTEGER NOT NULL, epoch INTEGER NOT NULL, time_zone TEXT NOT NULL, site_key BLOB NOT NULL
        )
        """,
    ),
)


@dataclass(frozen=True)
class Identity:
    """The stream `(device, epoch)` this store holds and the site it serves. `site_key` is secret."""

    organisation: int
    site: int
    device: int
    epoch: int
    time_zone: str
    site_key: bytes

    def __repr__(self) -> str:
        return f"Identity(site={self.site}, device={self.device}, epoch={self.epoch})"


@dataclass(frozen=True)
class DeviceKey:
    """One SM2 key pair of the device; `key_id` is the cloud's number for it."""

    key_id: int
    private: bytes
    public: bytes

    def __repr__(self) -> str:
        return f"DeviceKey({self.key_id})"

    def sign(self, message: bytes) -> bytes:
        """Signature (r || s) over the message. Takes milliseconds of processor time: call it off the event loop."""
        while True:
            nonce = secrets.token_bytes(sm2.NONCE_SIZE)
            made = sm2.sign(private=self.private, public=self.public, message=message, nonce=nonce)
            if made is not None:
                return made


class DeviceSecrets:
    """The file of the device's keys and of the key that seals secrets in the store (mode 0600)."""

    def __init__(self, path: Path, files: Files = SYSTEM_FILES) -> None:
        """Read the file, or make it with a first key of id 0 (unnumbered until provisioned)."""
        self._path, self._files = path, files
        if files.exists(path):
            self._read()
        else:
            self.keys = [_new_key(0)]
            self._seal_key = secrets.token_bytes(sm4.KEY_SIZE)
            self._write()

    def newest(self) -> DeviceKey:
        """The key made last."""
        return self.keys[-1]

    def key(self, key_id: int) -> DeviceKey | None:
        """The key of an id, if it is here."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def number_first(self, key_id: int) -> None:
        """The cloud numbered the first key."""
        first = self.keys[0]
        self.keys[0] = DeviceKey(key_id, first.private, first.public)
        self._write()

    def make_next(self, key_id: int) -> DeviceKey:
        """A new key, on disk before anyone hears of it. Raises StoreFull where it cannot be kept."""
        key = self.key(key_id)
        if key is None:
            key = _new_key(key_id)
            self.keys.append(key)
            try:
                self._write()
            except OSError as error:
                self.keys.remove(key)
                raise StoreFull(f"the new key cannot be kept: {error}") from error
        return key

    def seal(self, plain: bytes) -> bytes:
        """Encrypt for the store."""
        return sm4.seal(key=self._seal_key, nonce=secrets.token_bytes(sm4.NONCE_SIZE), plaintext=plain)

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt what `seal` made; raises StoreBroken when it is another device's."""
        try:
            return sm4.open_sealed(key=self._seal_key, sealed=sealed)
        except CryptoError as error:
            raise StoreBroken(f"{self._path.name} does not belong to this store: {error}") from error

    def _read(self) -> None:
        try:
            said = json.loads(self._files.read(self._path))
            pairs = [(int(item["id"]), bytes.fromhex(item["private"])) for item in said["keys"]]
            self.keys = [DeviceKey(key_id, private, sm2.public_key(private)) for key_id, private in pairs]
            self._seal_key = bytes.fromhex(said["seal"])
        except (ValueError, KeyError, TypeError, CryptoError) as error:
            raise StoreBroken(f"{self._path} is damaged: {type(error).__name__}") from error

    def _write(self) -> None:
        said = {
            "keys": [{"id": key.key_id, "private": key.private.hex()} for key in self.keys],
            "seal": self._seal_key.hex(),
        }
        files = self._files
        partial = self._path.with_suffix(".partial")
        files.write(partial, json.dumps(said).encode())
        files.sync(partial)
        files.rename(partial, self._path)
        files.sync(self._path.parent)


def save_identity(tx: Transaction, identity: Identity, device_secrets: DeviceSecrets) -> None:
    """Write who this gateway is; a store keeps one identity for its life."""
    tx.execute(
        "INSERT INTO identity VALUES (1, ?, ?, ?, ?, ?, ?)",
        (
            identity.organisation,
            identity.site,
            identity.device,
            identity.epoch,
            identity.time_zone,
            device_secrets.seal(identity.site_key),
        ),
    )


def load_identity(reader: Reader, device_secrets: DeviceSecrets) -> Identity | None:
    """The stored identity, or None before provisioning."""
    row = reader.row("SELECT organisation, site, device, epoch, time_zone, site_key FROM identity")
    if row is None:
        return None
    organisation, site, device, epoch, time_zone, sealed = row
    return Identity(organisation, site, device, epoch, time_zone, device_secrets.unseal(sealed))


def _new_key(key_id: int) -> DeviceKey:
    private = sm2.private_key_from(secrets.token_bytes(sm2.PRIVATE_SIZE + 8))
    return DeviceKey(key_id, private, sm2.public_key(private))

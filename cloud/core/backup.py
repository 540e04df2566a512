"""Backups: a dump and a manifest of one snapshot, verified by restoring it elsewhere; only then are facts safe."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from cloud.core.clock import Clock
from cloud.core.errors import Conflict, NotFound
from cloud.core.postgres import PostgresAddress, binary, drop_database, make_database, renamed, run_tool
from protocols.crypto.sm3 import hmac_sm3, sm3

DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
VERIFIED: Final = "verified.json"
_CHUNK: Final = 1 << 20
_PREFIX: Final = "qm-"


class BackupBroken(Conflict):
    """The backup is not what its manifest says: do not rely on it."""

    code = "backup_broken"


@dataclass(frozen=True)
class BackupFact:
    """A part's own facts of the snapshot: read with it, and recorded as safe once the backup is verified.

    `read` is a query across all organisations; `safe` a statement that takes its rows back as one JSON text `$1`.
    """

    name: str
    read: str
    safe: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `key_check` tells the master key apart without giving it away; the key is not in it."""

    name: str
    created_at: str
    generation: int
    migration: int
    dump_bytes: int
    dump_sm3: str
    key_check: str
    tables: dict[str, int] = field(default_factory=dict)
    facts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Backups:
    """The backups in one directory, of the database at `address` (its administrator's address is needed)."""

    def __init__(
        self,
        directory: Path,
        address: PostgresAddress,
        clock: Clock,
        *,
        facts: Sequence[BackupFact] = (),
        timeout_s: float = 3600.0,
        master_key: bytes = b"",
    ) -> None:
        if not address.admin_dsn:
            raise Conflict("backups need database.admin_dsn: a role that reads past row-level security")
        self._directory = directory
        self._address = address
        self._clock = clock
        self._facts = tuple(facts)
        self._timeout_s = timeout_s
        self._key_check = hmac_sm3(master_key, b"quartermaster backup").hex()[:16]

    async def make(self) -> Manifest:
        """Dump the database with what belongs to the very same snapshot. Complete or not there at all."""
        connection = await asyncpg.connect(self._address.admin_dsn, timeout=10)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
                return await self._dump(connection, snapshot)
        finally:
            await connection.close()

    async def verify(self, name: str = "") -> Manifest:
        """Prove a backup (the newest by default) by digest and by restoring it, then record what it makes safe."""
        manifest = self.manifest(name or self._newest(verified=False))
        scratch = f"{_PREFIX}verify-{manifest.name.lower()}"
        try:
            await self.restore_into(manifest, scratch)
            await self._compare(manifest, scratch)
        finally:
            await drop_database(self._address.admin_dsn, scratch)
        await self._record_safe(manifest)
        verified = {"verified_at": self._clock.now().isoformat(), "manifest_sm3": self._manifest_digest(manifest.name)}
        _write(self._directory / manifest.name / VERIFIED, json.dumps(verified, indent=1).encode())
        return manifest

    def names(self) -> list[str]:
        """All complete backups, oldest first."""
        return sorted(path.parent.name for path in self._directory.glob(f"*/{MANIFEST}") if path.parent.suffix == "")

    def is_verified(self, name: str) -> bool:
        """Whether `verify` passed on this very manifest."""
        try:
            verified = json.loads((self._directory / name / VERIFIED).read_text())
        except (OSError, ValueError):
            return False
        return bool(verified.get("manifest_sm3") == self._manifest_digest(name))

    def newest_verified(self) -> str:
        """The name of the newest verified backup. Raises NotFound."""
        return self._newest(verified=True)

    def manifest(self, name: str) -> Manifest:
        """The manifest of a backup. Raises NotFound or BackupBroken."""
        path = self._directory / name / MANIFEST
        if not path.exists() or path.parent.parent != self._directory:
            raise NotFound(f"there is no backup {name}")
        try:
            return Manifest(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise BackupBroken(f"the manifest of {name} cannot be read") from error

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` verified backups (and whatever is newer than those); answers their names."""
        verified = [name for name in self.names() if self.is_verified(name)]
        removed = [name for name in self.names() if len(verified) >= keep and name < verified[-keep]]
        for name in removed:
            shutil.rmtree(self._directory / name)
        return removed

    async def restore_into(self, manifest: Manifest, database: str) -> None:
        """Check the dump's digest and restore it into a fresh database. Raises BackupBroken."""
        dump = self._directory / manifest.name / DUMP
        digest, size = await asyncio.to_thread(_file_digest, dump)
        if (digest, size) != (manifest.dump_sm3, manifest.dump_bytes):
            raise BackupBroken(f"{manifest.name}: the dump was altered")
        if manifest.key_check != self._key_check:
            raise BackupBroken(f"{manifest.name} was made under another master key: put that key in place first")
        await drop_database(self._address.admin_dsn, database)
        await make_database(self._address.admin_dsn, database)
        target = renamed(self._address.admin_dsn, database)
        command = [str(binary("pg_restore")), "--dbname", target, "--exit-on-error", "--no-password", str(dump)]
        await asyncio.to_thread(run_tool, command, timeout_s=self._timeout_s)

    async def _dump(self, connection: "asyncpg.Connection[Any]", snapshot: str) -> Manifest:
        number = await connection.fetchval("SELECT generation FROM core_generation")
        now = self._clock.now()
        name = f"{now:%Y%m%dT%H%M%S%f}Z-g{number}"
        partial = self._directory / f"{name}.partial"
        partial.mkdir(parents=True, mode=0o700)
        try:
            command = [str(binary("pg_dump")), "--format=custom", "--no-password", f"--snapshot={snapshot}"]
            command += ["--file", str(partial / DUMP), self._address.admin_dsn]
            await asyncio.to_thread(run_tool, command, timeout_s=self._timeout_s)
            manifest = await self._describe(connection, name, now, partial / DUMP, number)
            _write(partial / MANIFEST, json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode())
            partial.rename(self._directory / name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return manifest

    async def _describe(
        self, connection: "asyncpg.Connection[Any]", name: str, now: datetime, dump: Path, number: int
    ) -> Manifest:
        digest, size = await asyncio.to_thread(_file_digest, dump)
        facts = {fact.name: [dict(row) for row in await connection.fetch(fact.read)] for fact in self._facts}
        return Manifest(
            name=name,
            created_at=now.isoformat(),
            generation=number,
            migration=await connection.fetchval("SELECT max(number) FROM core_migrations"),
            dump_bytes=size,
            dump_sm3=digest,
            key_check=self._key_check,
            tables=await _row_counts(connection),
            facts=facts,
        )

    async def _compare(self, manifest: Manifest, database: str) -> None:
        connection = await asyncpg.connect(renamed(self._address.admin_dsn, database), timeout=10)
        try:
            counts = await _row_counts(connection)
        finally:
            await connection.close()
        differing = sorted(
            name for name in {*counts, *manifest.tables} if counts.get(name) != manifest.tables.get(name)
        )
        if differing:
            raise BackupBroken(f"{manifest.name}: other rows than when it was made in {', '.join(differing)}")

    async def _record_safe(self, manifest: Manifest) -> None:
        connection = await asyncpg.connect(self._address.admin_dsn, timeout=10)
        try:
            if await connection.fetchval("SELECT generation FROM core_generation") != manifest.generation:
                return  # facts of a former generation are safe only once edges have sent them again
            for fact in self._facts:
                await connection.execute(fact.safe, json.dumps(manifest.facts.get(fact.name, [])))
        finally:
            await connection.close()

    def _newest(self, *, verified: bool) -> str:
        names = [name for name in self.names() if not verified or self.is_verified(name)]
        if not names:
            raise NotFound("there is no verified backup" if verified else "there is no backup")
        return names[-1]

    def _manifest_digest(self, name: str) -> str:
        return sm3((self._directory / name / MANIFEST).read_bytes()).hex()


async def _row_counts(connection: "asyncpg.Connection[Any]") -> dict[str, int]:
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    counts: dict[str, int] = {}
    for row in tables:
        quoted = await connection.fetchval("SELECT quote_ident($1)", row["relname"])
        counts[row["relname"]] = await connection.fetchval(f"SELECT count(*) FROM {quoted}")  # noqa: S608 - quoted
    return counts


def _file_digest(path: Path) -> tuple[str, int]:
    state = hashlib.new("sm3")
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
            size += len(chunk)
    return state.hexdigest(), size


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)

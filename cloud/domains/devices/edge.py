"""The devices domain's part in journal entries: keys rotated by the old key's word, commands done."""

from collections.abc import Iterable, Sequence
from typing import Final

from cloud.core.database import Transaction
from cloud.core.events import emit
from cloud.domains.devices.events import CHANGED, FROZEN
from cloud.sync.registry import EntryContext, Fact, Row
from protocols.crypto.errors import BadKey
from protocols.crypto.sm2 import check_public_key, verify
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.payments.facts import CommandDone, KeyRotated
from protocols.values.errors import Malformed

_OUTCOMES: Final = frozenset({"done", "refused", "expired"})


class KeyRotations:
    """A new key signs from its entry on; the old one stays good for what it signed, that entry too (rule 22)."""

    kinds = frozenset({int(Kind.KEY_ROTATED)})
    tables: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - read only

    def rows(self, context: EntryContext, entry: Entry, payload: KeyRotated) -> Iterable[tuple[str, Row]]:  # noqa: ARG002
        """No rows; a key that is no point of the curve is set aside for a person."""
        try:
            check_public_key(payload.public_key)
        except BadKey as error:
            raise Malformed(f"entry {entry.seq} brings no public key: {error}") from error
        return ()

    async def applied(self, tx: Transaction, context: EntryContext, facts: Sequence[Fact]) -> None:
        """End the old key's range at the rotation and begin the new one's after it.

        On the first branch only: what a copy of the disk does to its key must not end the key of the first (rule 21).
        """
        if context.branch:
            return
        for entry, payload in facts:
            old = await tx.fetchrow(
                "SELECT key_id, public_key FROM devices_keys WHERE gateway_id = $1 AND epoch = $2 AND last_seq IS NULL "
                "AND revoked_at IS NULL ORDER BY key_id DESC LIMIT 1",
                context.device,
                context.epoch,
            )
            if old is None or old["key_id"] >= payload.key_id:
                continue
            holds = verify(public=bytes(old["public_key"]), message=payload.public_key, signature=payload.signature)
            if not holds:
                await self._refused(tx, context)
                continue
            query = "UPDATE devices_keys SET last_seq = $3 WHERE gateway_id = $1 AND key_id = $2"
            await tx.execute(query, context.device, old["key_id"], entry.seq)
            await tx.execute(
                "INSERT INTO devices_keys (gateway_id, key_id, public_key, epoch, first_seq, made_at) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                context.device,
                payload.key_id,
                payload.public_key,
                context.epoch,
                entry.seq,
                context.received_at,
            )
            await emit(tx, CHANGED, {"gateway_id": context.device}, at=context.received_at)

    async def _refused(self, tx: Transaction, context: EntryContext) -> None:
        """A key the old one does not vouch for is not taken: the gateway waits for a person."""
        await tx.execute(
            "UPDATE devices_gateways SET state = 'frozen', reason = 'key_not_vouched' "
            "WHERE id = $1 AND state = 'active'",
            context.device,
        )
        await emit(tx, FROZEN, {"gateway_id": context.device}, at=context.received_at)


class CommandOutcomes:
    """What became of commands, by the gateway's own word."""

    kinds = frozenset({int(Kind.COMMAND_DONE)})
    tables: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - read only

    def rows(self, context: EntryContext, entry: Entry, payload: CommandDone) -> Iterable[tuple[str, Row]]:  # noqa: ARG002
        """No rows of its own."""
        return ()

    async def applied(self, tx: Transaction, context: EntryContext, facts: Sequence[Fact]) -> None:
        """Note the outcome beside the command."""
        for _, payload in facts:
            if payload.command.isascii() and payload.command.isdigit() and payload.outcome in _OUTCOMES:
                await tx.execute(
                    "UPDATE devices_commands SET state = $3, answered_at = coalesce(answered_at, $4) "
                    "WHERE id = $1 AND gateway_id = $2",
                    int(payload.command) % 2**63,
                    context.device,
                    payload.outcome,
                    context.received_at,
                )


HANDLERS: Final = (KeyRotations(), CommandOutcomes())

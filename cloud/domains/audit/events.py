"""Audit hears every domain's records as news and chains them; delivery is once, with the mark in one transaction."""

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.events import Event
from cloud.domains.audit import service
from cloud.domains.identity.events import AUDIT_TOPIC


def subscribe(core: Core) -> None:
    """Take in every record."""

    async def recorded(tx: Transaction, event: Event) -> None:
        told = event.payload
        await service.append(
            tx,
            event_id=event.id,
            at=event.created_at,
            actor=told["actor"],
            action=told["action"],
            target=told["target"],
            before=told["before"],
            after=told["after"],
        )

    core.events.subscribe(AUDIT_TOPIC, recorded)

"""News of identity, and the word every domain uses to leave a record in the audit trail."""

from datetime import datetime
from typing import Any, Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.events import Event, emit
from cloud.domains.identity import edge

SITE_OPENED: Final = "places.site_opened"
AUDIT_TOPIC: Final = "audit.recorded"
PERSON_JOINED: Final = "identity.person_joined"
PERSON_MOVED: Final = "identity.person_moved"
PERSON_LEFT: Final = "identity.person_left"


async def record(
    tx: Transaction, *, at: datetime, actor: str, action: str, target: str, before: Any = None, after: Any = None
) -> None:
    """Say that `actor` did `action` to `target` ("person:17"). Commits with the change; nothing personal unmasked."""
    payload = {"actor": actor, "action": action, "target": target, "before": before, "after": after}
    await emit(tx, AUDIT_TOPIC, payload, at=at)


def subscribe(core: Core) -> None:
    """Hear of new sites: they get everything identity sends."""

    async def site_opened(tx: Transaction, event: Event) -> None:
        site_id = int(event.payload["site_id"])
        await tx.execute("INSERT INTO identity_sites (site_id) VALUES ($1) ON CONFLICT DO NOTHING", site_id)
        await edge.publish_site(tx, await core.vault.keys(tx), site_id)

    core.events.subscribe(SITE_OPENED, site_opened)

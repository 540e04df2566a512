"""A page of reference data whose collection is published to in the midst of its making."""

from collections.abc import Sequence

import pytest

from cloud.core.database import Database
from cloud.sync import replicas
from cloud.sync.sites_postgres import PostgresSites
from protocols.sync.codec import collection_digest
from protocols.sync.messages import ReplicaPage
from tests.cloud.sync.rig import Cloud

_NAME = "people"


async def _page(database: Database, organisation: int, site: int, *, meanwhile: bytes = b"") -> ReplicaPage:
    async def fill(bodies: Sequence[bytes]) -> Sequence[bytes | None]:
        if meanwhile:
            async with database.transaction(organisation) as tx:
                await replicas.publish(tx, site, _NAME, [("7", 0, meanwhile)])
        return bodies

    async with database.transaction(organisation) as tx:
        return await replicas.page(PostgresSites(tx), site, _NAME, generation=1, known_generation=1, after=0, fill=fill)


@pytest.mark.rule(30)
async def test_a_digest_is_of_the_version_it_stands_with(cloud: Cloud) -> None:
    site = cloud.number()
    async with cloud.database.transaction(cloud.organisation) as tx:
        await replicas.publish(tx, site, _NAME, [("7", 0, b"before")])
    torn = await _page(cloud.database, cloud.organisation, site, meanwhile=b"after")
    assert (torn.more, torn.digest) == (True, b""), "the rest is told by the next page"
    whole = await _page(cloud.database, cloud.organisation, site)
    assert whole.digest == collection_digest([("7", 0, b"after")])
    assert whole.version > torn.version

"""The generation of this cloud: raised by each restore, so that edges and replicas know it has stepped back."""

from cloud.core.database import Transaction


async def generation(tx: Transaction) -> int:
    """The present generation, 1 on a fresh installation."""
    return int(await tx.fetchval("SELECT generation FROM core_generation"))

"""The public door of the canteen: what sites are sent, and what seeds and reports may ask."""

from cloud.core.database import Transaction
from cloud.domains.canteen import feeds


async def publish_site(tx: Transaction, site_id: int) -> None:
    """Send a site everything of the canteen."""
    await feeds.publish_site(tx, site_id)

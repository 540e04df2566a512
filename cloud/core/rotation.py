"""Change keys: new data keys for every organisation, or a new master key around all of them."""

import secrets

from cloud.core.context import Core
from cloud.core.crypto import write_secret
from cloud.core.startup import master_key_path
from protocols.crypto.sm4 import KEY_SIZE


async def rotate_data_keys(core: Core) -> int:
    """Give every organisation a new data key for what is written from now on; answers how many organisations."""
    async with core.database.system_transaction() as tx:
        rows = await tx.fetch("SELECT id FROM core_organisations ORDER BY id")
    for row in rows:
        async with core.database.transaction(row["id"]) as tx:
            await core.vault.rotate(tx)
    return len(rows)


async def rotate_master_key(core: Core) -> int:
    """Wrap all data keys by a new master key; answers how many. The old file stays beside it, ending in `.old`.

    The new key is on disk (ending in `.next`) before the database changes, so that no crash can lose it; the running
    core keeps the old one and has to be started anew.
    """
    path = master_key_path(core.settings)
    following = path.with_name(path.name + ".next")
    new_master = secrets.token_bytes(KEY_SIZE)
    write_secret(following, new_master.hex().encode() + b"\n")
    async with core.database.system_transaction() as tx:
        count = await core.vault.rewrap(tx, new_master=new_master)
    write_secret(path.with_name(path.name + ".old"), path.read_bytes())
    following.replace(path)
    return count

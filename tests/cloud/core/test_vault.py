"""Personal fields: sealed under rotating keys, bound to their organisation and column, searchable, masked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.core.context import Core
from cloud.core.crypto import SealBroken, Vault, read_master_key
from cloud.core.database import Database
from cloud.core.errors import Unavailable
from cloud.core.masking import mask_identity_number, mask_name, mask_phone
from cloud.core.rotation import rotate_data_keys, rotate_master_key
from cloud.core.startup import master_key_path
from tests.support.cloud import make_organisation

pytestmark = pytest.mark.capability("PLT-10")
PHONE = "identity.people.phone"
NUMBER = "13800138000"


async def test_a_sealed_field_opens_again_and_shows_nothing(core: Core, organisation_id: int) -> None:
    async with core.database.transaction(organisation_id) as tx:
        keys = await core.vault.keys(tx)
        again = await core.vault.keys(tx)
    sealed = keys.seal(NUMBER, field=PHONE)
    assert NUMBER.encode() not in sealed
    assert sealed != keys.seal(NUMBER, field=PHONE)
    assert again.open(sealed, field=PHONE) == NUMBER


async def test_key_rotation_keeps_old_rows_readable(core: Core, organisation_id: int) -> None:
    async with core.database.transaction(organisation_id) as tx:
        before = await core.vault.keys(tx)
        old = before.seal(NUMBER, field=PHONE)
        assert await core.vault.rotate(tx) == 2
        keys = await core.vault.keys(tx)
    new = keys.seal(NUMBER, field=PHONE)
    assert [keys.version_of(row) for row in (old, new)] == [1, 2]
    assert [keys.open(row, field=PHONE) for row in (old, new)] == [NUMBER, NUMBER]
    assert keys.blind(NUMBER, field=PHONE) == before.blind(NUMBER, field=PHONE)


async def test_a_value_cannot_be_moved_to_another_column_or_organisation(core: Core, organisation_id: int) -> None:
    other = await make_organisation(core.database)
    async with core.database.transaction(organisation_id) as tx:
        keys = await core.vault.keys(tx)
    async with core.database.transaction(other) as tx:
        foreign = await core.vault.keys(tx)
    sealed = keys.seal(NUMBER, field=PHONE)
    with pytest.raises(SealBroken):
        keys.open(sealed, field="identity.people.name")
    with pytest.raises(SealBroken):
        foreign.open(sealed, field=PHONE)


@pytest.mark.parametrize("change", [b"", b"\x01", b"\x02\0\0\0\1" + bytes(40), b"\x01\0\0\0\x09" + bytes(40)])
async def test_a_damaged_field_is_a_typed_error(core: Core, organisation_id: int, change: bytes) -> None:
    async with core.database.transaction(organisation_id) as tx:
        keys = await core.vault.keys(tx)
    with pytest.raises(SealBroken):
        keys.open(change, field=PHONE)


async def test_every_altered_byte_is_noticed(core: Core, organisation_id: int) -> None:
    async with core.database.transaction(organisation_id) as tx:
        keys = await core.vault.keys(tx)
    sealed = keys.seal(NUMBER, field=PHONE)
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(SealBroken):
            keys.open(altered, field=PHONE)


async def test_equal_values_meet_in_the_blind_index_of_one_field_only(core: Core, organisation_id: int) -> None:
    other = await make_organisation(core.database)
    async with core.database.transaction(organisation_id) as tx:
        keys = await core.vault.keys(tx)
    async with core.database.transaction(other) as tx:
        foreign = await core.vault.keys(tx)
    index = keys.blind(NUMBER, field=PHONE)
    assert index == keys.blind(NUMBER, field=PHONE)
    assert index not in {
        keys.blind(NUMBER, field="x"),
        keys.blind("1", field=PHONE),
        foreign.blind(NUMBER, field=PHONE),
    }


async def test_another_master_key_opens_nothing(core: Core, organisation_id: int) -> None:
    async with core.database.transaction(organisation_id) as tx:
        await core.vault.keys(tx)
        with pytest.raises(SealBroken):
            await Vault(bytes(16), core.clock).keys(tx)


async def test_a_new_master_key_opens_what_the_old_one_wrapped(core: Core, organisation_id: int) -> None:
    async with core.database.transaction(organisation_id) as tx:
        sealed = (await core.vault.keys(tx)).seal(NUMBER, field=PHONE)
    async with core.database.system_transaction() as tx:
        assert await core.vault.rewrap(tx, new_master=b"n" * 16) >= 2
    async with core.database.transaction(organisation_id) as tx:
        assert (await Vault(b"n" * 16, core.clock).keys(tx)).open(sealed, field=PHONE) == NUMBER
        with pytest.raises(SealBroken):
            await core.vault.keys(tx)
    async with core.database.system_transaction() as tx:
        await Vault(b"n" * 16, core.clock).rewrap(tx, new_master=core.vault._master)


async def test_rotating_keys_for_all_organisations(core: Core, organisation_id: int, database: Database) -> None:
    path = master_key_path(core.settings)
    path.parent.mkdir(parents=True)
    path.write_text(core.vault._master.hex())
    path.chmod(0o600)
    assert await rotate_data_keys(core) >= 1
    async with database.transaction(organisation_id) as tx:
        keys = await core.vault.keys(tx)
    assert keys.newest == 2
    sealed = keys.seal(NUMBER, field=PHONE)
    await rotate_master_key(core)
    successor = Vault(read_master_key(path), core.clock)
    async with database.transaction(organisation_id) as tx:
        assert (await successor.keys(tx)).open(sealed, field=PHONE) == NUMBER
    async with database.system_transaction() as tx:
        await successor.rewrap(tx, new_master=core.vault._master)
    assert path.with_name("master.key.old").read_text() == core.vault._master.hex()


def test_a_master_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    assert read_master_key(path) == read_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(Unavailable):
        read_master_key(path)
    path.chmod(0o600)
    path.write_text("not hex")
    with pytest.raises(Unavailable):
        read_master_key(path)


@pytest.mark.parametrize(
    ("mask", "plain", "shown"),
    [
        (mask_phone, "13800138000", "138****8000"),
        (mask_phone, "12345", "*****"),
        (mask_phone, "", ""),
        (mask_identity_number, "11010519491231002X", "110*************2X"),
        (mask_name, "张三", "张*"),
        (mask_name, "欧阳娜娜", "欧***"),
        (mask_name, "", ""),
    ],
)
def test_masks_show_just_enough(mask: Callable[[str], str], plain: str, shown: str) -> None:
    assert mask(plain) == shown

"""Reference records: in force by instant, changed whole, sealed where they hold secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from edge.core.clock import ManualClock, SiteTime
from edge.journal.identity import DeviceSecrets
from edge.replica.replica import Outcome, Replica
from edge.replica.tables import REPLICA_SCHEMA
from edge.store.connection import Reader
from edge.store.errors import StoreBroken
from edge.store.writer import StoreOptions, Writer
from protocols.canteen.reference import Dish, Price
from protocols.payments.reference import Credential
from protocols.sync.codec import collection_digest
from protocols.sync.messages import ReplicaPage, ReplicaRow
from protocols.values.errors import Malformed

OPTIONS = StoreOptions(minimum_free_mb=0, reserve_mb=0, lazy_wait_s=0.02)


@contextmanager
def replica_at(folder: Path, clock: ManualClock | None = None, key: str = "device.key") -> Iterator[Replica]:
    writer = Writer(folder / "replica.db", (REPLICA_SCHEMA,), OPTIONS)
    reader = Reader(writer.path)
    try:
        yield Replica(writer, reader, DeviceSecrets(folder / key), SiteTime(clock or ManualClock()))
    finally:
        writer.close()
        reader.close()


def price(fen: int, version: int, *, from_ms: int = 0) -> ReplicaRow:
    body = msgspec.msgpack.encode(Price(5, 0, fen, version))
    return ReplicaRow("5:0", version, from_ms, body)


def page(
    *rows: ReplicaRow, version: int = 0, reset: bool = False, more: bool = False, generation: int = 1
) -> ReplicaPage:
    newest = version or max((row.version for row in rows), default=0)
    return ReplicaPage("prices", generation, newest, reset, more, rows, b"")


@pytest.mark.rule(12)
async def test_rule_12_a_price_sent_ahead_comes_into_force_at_its_instant(tmp_path: Path) -> None:
    with replica_at(tmp_path) as replica:
        await replica.apply(page(price(600, 1), price(700, 2, from_ms=5_000), reset=True))
        assert replica.get("prices", "5:0", 4_999).price_fen == 600
        assert replica.get("prices", "5:0", 5_000).price_fen == 700
        assert replica.next_change_ms("prices", 1_000) == 5_000
        assert [one.price_fen for one in replica.rows("prices", 9_999)] == [700]
    with replica_at(tmp_path) as replica:
        assert replica.get("prices", "5:0", 5_000).price_fen == 700
        assert replica.version("prices") == 2


@pytest.mark.rule(30)
async def test_rule_30_a_tombstone_takes_one_record_and_leaves_the_one_before_it(tmp_path: Path) -> None:
    with replica_at(tmp_path) as replica:
        await replica.apply(page(price(600, 1), price(700, 2, from_ms=5_000), reset=True))
        await replica.apply(page(ReplicaRow("5:0", 3, 5_000, None)))
        assert replica.get("prices", "5:0", 9_000).price_fen == 600
        await replica.apply(page(ReplicaRow("5:0", 4, 0, None)))
        assert replica.get("prices", "5:0", 9_000) is None
        assert replica.rows("prices", 9_000) == []


@pytest.mark.rule(30)
async def test_rule_30_a_delta_cut_off_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    with replica_at(tmp_path) as replica:
        await replica.apply(page(price(600, 1), reset=True))
        assert await replica.apply(page(price(900, 2), more=True)) is Outcome.STAGED
        assert replica.get("prices", "5:0", 0).price_fen == 600
        replica.drop_staged("prices")
        assert await replica.apply(page(price(700, 3))) is Outcome.APPLIED
        assert replica.get("prices", "5:0", 0).price_fen == 700


@pytest.mark.rule(25, 30)
async def test_rule_25_a_delta_of_another_generation_asks_for_the_whole(tmp_path: Path) -> None:
    with replica_at(tmp_path) as replica:
        await replica.apply(page(price(600, 9), reset=True))
        assert await replica.apply(page(price(700, 3), generation=2)) is Outcome.MEND
        assert replica.get("prices", "5:0", 0).price_fen == 600
        assert await replica.apply(page(price(500, 3), generation=2, reset=True)) is Outcome.APPLIED
        assert (replica.head("prices").generation, replica.version("prices")) == (2, 3)
        assert replica.get("prices", "5:0", 0).price_fen == 500


@pytest.mark.rule(30)
async def test_rule_30_a_whole_collection_with_another_digest_is_not_applied(tmp_path: Path) -> None:
    with replica_at(tmp_path) as replica:
        await replica.apply(page(price(600, 1), reset=True))
        wrong = msgspec.structs.replace(page(price(1, 2), reset=True), digest=b"x" * 32)
        with pytest.raises(Malformed, match="digest"):
            await replica.apply(wrong)
        assert replica.get("prices", "5:0", 0).price_fen == 600
        right = page(price(650, 2), reset=True)
        digest = collection_digest([(row.key, row.effective_from_ms, row.body or b"") for row in right.rows])
        assert await replica.apply(msgspec.structs.replace(right, digest=digest)) is Outcome.APPLIED
        assert await replica.digest_now("prices") == digest


@pytest.mark.capability("PLT-10")
@pytest.mark.rule(15)
async def test_rule_15_credentials_rest_sealed_and_are_useless_without_the_devices_key(tmp_path: Path) -> None:
    secret = b"PIN HASH OF SOMEBODY 0123456789"
    body = msgspec.msgpack.encode(Credential(1, 4, 17, secret, 0, 0, 0))
    row = ReplicaRow("phone:ab", 1, 0, body)
    whole = ReplicaPage("credentials", 1, 1, True, False, (row,), collection_digest([("phone:ab", 0, body)]))
    with replica_at(tmp_path) as replica:
        assert await replica.apply(whole) is Outcome.APPLIED
        assert replica.get("credentials", "phone:ab", 0).secret == secret
        assert replica.revoked_through() == 0
        stored = (tmp_path / "replica.db").read_bytes() + (tmp_path / "replica.db-wal").read_bytes()
    assert b"phone:ab" in stored
    assert secret not in stored
    with replica_at(tmp_path) as replica:
        assert replica.get("credentials", "phone:ab", 0).secret == secret
    with pytest.raises(StoreBroken), replica_at(tmp_path, key="other.key"):
        pass


@pytest.mark.rule(14)
async def test_rule_14_the_age_is_since_the_cloud_last_said_that_nothing_is_newer(tmp_path: Path) -> None:
    clock = ManualClock()
    with replica_at(tmp_path, clock) as replica:
        assert replica.age_s() > 10**9
        replica.confirm_fresh(clock.now_ms())
        clock.advance(90_000)
        assert replica.age_s() == 90
        replica.confirm_fresh(clock.now_ms())
        assert replica.age_s() == 0
        await replica.apply(page(price(1, 1), reset=True))
    with replica_at(tmp_path, clock) as replica:
        clock.advance(3_600_000)
        assert replica.age_s() == 3_600


async def test_a_record_that_cannot_be_read_is_left_out_and_its_bytes_kept(tmp_path: Path) -> None:
    odd = ReplicaRow("7", 2, 0, b"\x93\x01\x02\x03")
    well = ReplicaRow("8", 1, 0, msgspec.msgpack.encode(Dish(8, "豆腐", "Tofu", "", by_weight=False)))
    with replica_at(tmp_path) as replica:
        await replica.apply(ReplicaPage("dishes", 1, 2, True, False, (odd, well), b""))
        assert replica.get("dishes", 7, 0) is None
        assert replica.get("dishes", 8, 0).name_en == "Tofu"
        assert await replica.digest_now("dishes") == collection_digest(
            [("7", 0, odd.body or b""), ("8", 0, well.body or b"")]
        )


async def test_a_collection_not_known_here_is_refused(tmp_path: Path) -> None:
    with replica_at(tmp_path) as replica, pytest.raises(Malformed):
        await replica.apply(ReplicaPage("rockets", 1, 1, True, False, (), b""))


async def test_more_fields_than_known_here_are_passed_over(tmp_path: Path) -> None:
    body = msgspec.msgpack.encode((8, "豆腐", "Tofu", "", False, "a later version's field"))
    with replica_at(tmp_path) as replica:
        await replica.apply(ReplicaPage("dishes", 1, 1, True, False, (ReplicaRow("8", 1, 0, body),), b""))
        assert replica.get("dishes", 8, 0) == Dish(8, "豆腐", "Tofu", "", by_weight=False)

"""Facts up, rights and reference down, against a cloud that loses answers, stops and is restored."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from edge.core.errors import Rejected, Unreachable
from edge.journal.identity import DeviceSecrets, load_identity
from edge.replica.replica import Replica
from edge.stations.gateway import Gateway, Stores, identify, site_time
from edge.store.transaction import Transaction
from edge.sync.settings import CloudSettings, StoreSettings
from protocols.canteen.reference import Dish
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments.facts import Declaration, decode
from protocols.payments.reference import Credential
from protocols.sync.messages import Batch, BatchAnswer, Fault, ReplicaPage
from protocols.values.errors import Malformed
from tests.support.edge import gateway_settings, granted, settle_unit, settlement, site_at
from tests.support.fake_cloud import FakeCloud, serving


async def until(holds: Callable[[], object], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110  what is awaited tells nobody
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[None]:
    task = asyncio.create_task(gateway.sync.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def settle(gateway: Gateway, count: int, *, person: int = 1) -> None:
    site = gateway.site
    for _ in range(count):
        sale = settlement(person, 100)
        await site.writer.submit(partial(settle_unit, site.journal, site.leases, sale))


async def test_everything_settled_with_no_network_arrives_when_it_comes_back(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            granted(gateway.site, [1])
            await settle(gateway, 30)
            async with running(gateway):
                await until(lambda: len(cloud.entries) == gateway.site.journal.head_seq)
                await until(lambda: gateway.site.link.state.online)
            assert cloud.seqs() == list(range(1, 32))
            assert cloud.head == gateway.site.journal.head
            await until(lambda: gateway.site.link.state.waiting == 0)


@pytest.mark.lesson("odoo-40567")
@pytest.mark.rule(24)
async def test_odoo_40567_an_answer_lost_after_the_commit_doubles_nothing(tmp_path: Path) -> None:
    cloud = FakeCloud(drop_answers=2)
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            granted(gateway.site, [1])
            await settle(gateway, 20)
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await gateway.sync.upload_once()
                assert gateway.site.journal.applied_through == 0
            assert await gateway.sync.upload_once()
            assert gateway.site.journal.applied_through == 21
            await gateway.sync._api.close()
    assert cloud.seqs() == list(range(1, 22))
    assert cloud.duplicates == 42


@pytest.mark.lesson("odoo-152259")
async def test_odoo_152259_a_second_sync_loop_is_refused(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            async with running(gateway):
                await until(lambda: gateway.site.link.state.online)
                with pytest.raises(RuntimeError, match="already"):
                    await gateway.sync.run()


@pytest.mark.lesson("odoo-261096")
async def test_odoo_261096_facts_made_while_a_batch_is_on_its_way_stay_waiting(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            granted(gateway.site, [1])
            await settle(gateway, 5)
            sending = asyncio.create_task(gateway.sync.upload_once())
            await settle(gateway, 3)
            assert await sending
            sent = len(cloud.entries)
            assert gateway.site.journal.applied_through == sent
            cloud.drop_answers = 1
            with pytest.raises(Unreachable):
                await gateway.sync.upload_once()
            await settle(gateway, 1)
            assert gateway.site.journal.applied_through == sent
            while await gateway.sync.upload_once():
                pass
            assert cloud.seqs() == list(range(1, gateway.site.journal.head_seq + 1))
            await gateway.sync._api.close()


@pytest.mark.rule(25)
async def test_rule_25_after_a_restore_the_edge_sends_again_and_declares_what_it_holds(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            granted(gateway.site, [1, 2], amount=10_000)
            for person in (1, 2):
                cloud.grant(person, 10_000)
            await settle(gateway, 12)
            async with running(gateway):
                await until(lambda: gateway.site.journal.applied_through == gateway.site.journal.head_seq)
                cloud.restore(4)
                await until(lambda: len(cloud.entries) == gateway.site.journal.head_seq > 13)
                await until(lambda: gateway.site.link.state.word == "declare")
            said = [decode_entry(body) for body in cloud.entries]
            declarations = [decode(Declaration, e.payload) for e in said if e.kind == Kind.DECLARATION]
            assert [d.generation for d in declarations] == [2]
            assert {(m.person, m.amount) for m in declarations[0].moves} == {(1, 8_800), (2, 10_000)}
            assert declarations[0].lease_n == 2


@pytest.mark.rule(21)
async def test_rule_21_a_cloud_with_another_chain_acknowledges_nothing_and_every_entry_stays(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 3)
            await gateway.sync.upload_once()
            await settle(gateway, 2)
            other = BatchAnswer(1, 6, b"x" * 32, 6, 0, 0, 0, "open")
            cloud.batch = lambda _batch: other  # type: ignore[method-assign,assignment]
            async with running(gateway):
                await until(lambda: gateway.site.link.state.word == "diverged")
            assert gateway.site.journal.head_seq == 6
            assert gateway.site.journal.committed().waiting == 2


@pytest.mark.rule(21)
async def test_rule_21_a_copy_of_a_disk_sends_its_own_branch_past_what_both_have(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 3)
            took: list[Batch] = []

            def repeat_then_branch(batch: Batch) -> BatchAnswer:
                took.append(batch)
                if len(took) == 1:  # all of it is known, and the other copy has gone on to entry 50
                    return BatchAnswer(1, 50, b"y" * 32, 40, 0, len(batch.bodies), 0, "frozen")
                last = batch.checkpoint
                return BatchAnswer(1, last.seq, last.head, 0, len(batch.bodies), 0, 0, "frozen")

            cloud.batch = repeat_then_branch  # type: ignore[method-assign]
            assert await gateway.sync.upload_once()
            await settle(gateway, 2)
            assert await gateway.sync.upload_once()
            assert [(batch.first_seq, len(batch.bodies)) for batch in took] == [(1, 4), (5, 2)]
            assert gateway.site.journal.committed().waiting == 0
            assert gateway.site.journal.safe_through == 0
            await gateway.sync._api.close()


@pytest.mark.rule(24)
async def test_rule_24_a_heartbeat_acknowledges_nothing_for_it_names_no_hash(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 3)
            cloud.entries = [b"another copy's"] * 3
            await gateway.sync.beat_once()
            await gateway.sync.beat_once()
            assert gateway.site.journal.committed().waiting == 4
            await gateway.sync._api.close()


async def settle_after_grant(gateway: Gateway, count: int) -> None:
    granted(gateway.site, [1])
    await settle(gateway, count)


@pytest.mark.rule(5)
async def test_rule_5_leases_come_down_in_order_and_a_visitors_ask_is_in_the_book_when_answered(tmp_path: Path) -> None:
    cloud = FakeCloud()
    for person in range(1, 251):
        cloud.grant(person, 500)
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            async with running(gateway):
                await until(lambda: gateway.site.leases.n == 250)
                assert gateway.site.leases.balance(250, 1) == 500
                answer = await gateway.site.link.ask(900, 1_800, (), 20261120)
                assert answer is not None
                assert gateway.site.leases.balance(900, 1) == 1_800
                assert cloud.asks[-1].lease_n == 250, "the ask says how far the book is"


async def test_a_visitors_ask_ends_in_time_when_the_cloud_is_slow(tmp_path: Path) -> None:
    cloud = FakeCloud(ask_delay_s=5.0)
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            async with running(gateway):
                await until(lambda: gateway.site.link.state.online)
                async with asyncio.timeout(3.0):
                    assert await gateway.site.link.ask(900, 1_800, (), 20261120) is None


async def test_with_no_network_an_ask_is_answered_at_once_with_nothing(tmp_path: Path) -> None:
    with site_at(tmp_path) as gateway:
        async with asyncio.timeout(0.1):
            assert await gateway.site.link.ask(900, 1_800, (), 20261120) is None


def dish(number: int, name: str) -> bytes:
    return msgspec.msgpack.encode(Dish(number, name, name, "", by_weight=False))


@pytest.mark.rule(30)
async def test_rule_30_a_collection_of_many_pages_appears_at_once_and_later_changes_follow(tmp_path: Path) -> None:
    cloud = FakeCloud()
    for number in range(1, 180):
        cloud.publish("dishes", str(number), dish(number, f"菜{number}"))
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            replica: Replica = gateway.site.replica
            sizes: list[int] = []
            replica.on_change(lambda name: sizes.append(len(replica.rows(name, 0))) if name == "dishes" else None)
            async with running(gateway):
                await until(lambda: replica.version("dishes") == 179)
                cloud.publish("dishes", "7", dish(7, "红烧肉"))
                cloud.publish("dishes", "8", None)
                await until(lambda: replica.version("dishes") == 181)
            assert sizes == [179, 178]
            assert replica.get("dishes", 7, 0).name_zh == "红烧肉"
            assert replica.get("dishes", 8, 0) is None
            assert replica.age_s() < 3


@pytest.mark.rule(30)
async def test_rule_30_a_collection_that_differs_is_found_by_its_digest_and_mended(tmp_path: Path) -> None:
    cloud = FakeCloud()
    for number in range(1, 6):
        cloud.publish("dishes", str(number), dish(number, "x"))
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            replica: Replica = gateway.site.replica
            async with running(gateway):
                await until(lambda: replica.version("dishes") == 5)
            replica._writer.run(lambda tx: tx.execute("DELETE FROM replica_rows WHERE key = '3'") and None)
            await gateway.sync.reference.compare("dishes")
            assert replica.get("dishes", 3, 0) is not None
            assert replica._reader.row("SELECT count(*) FROM replica_rows WHERE collection = 'dishes'") == (5,)
            await gateway.sync._api.close()


async def test_a_cloud_that_is_away_costs_nothing_but_waiting(tmp_path: Path) -> None:
    with site_at(tmp_path) as gateway:
        granted(gateway.site, [1])
        async with running(gateway):
            await settle(gateway, 10)
            await asyncio.sleep(0.3)
            assert not gateway.site.link.state.online
            assert gateway.site.link.state.trouble
        assert gateway.site.journal.committed().waiting == 11


@pytest.mark.lesson("thingsboard-edge-attempts")
async def test_thingsboard_a_batch_refused_many_times_is_never_discarded(tmp_path: Path) -> None:
    cloud = FakeCloud(refuse=Fault("internal", "try later", retry=True))
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 5)
            async with running(gateway):
                await asyncio.sleep(1.5)
                assert cloud.entries == []
                cloud.refuse = None
                await until(lambda: len(cloud.entries) == 6)


@pytest.mark.lesson("erpnext-11000", "thingsboard-edge-7491")
async def test_erpnext_11000_what_the_cloud_sets_aside_holds_up_nothing_at_the_edge(tmp_path: Path) -> None:
    """The cloud acknowledges a quarantined entry like any other: the edge goes on behind it."""
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 3)
            await gateway.site.writer.submit(
                lambda tx: gateway.site.journal.append(tx, Kind.SETTLEMENT, b"\xc1 no payload", subject="p1")
            )
            await settle(gateway, 3)
            async with running(gateway):
                await until(lambda: gateway.site.journal.applied_through == 8)
    assert len(cloud.entries) == 8


async def test_an_expired_session_is_opened_again_within_the_call(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await gateway.sync.beat_once()
            cloud.valid_token = "gone"
            await gateway.sync.beat_once()
            assert cloud.tokens == 2
            await gateway.sync._api.close()


@pytest.mark.capability("IOT-02")
async def test_provisioning_whose_answer_was_lost_gives_the_same_gateway_again(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        settings = gateway_settings(cloud.url)
        first = DeviceSecrets(tmp_path / "device.key")
        public = first.newest().public
        cloud.public_key = public  # the cloud had taken the code before the answer was lost
        stores = Stores(tmp_path, settings.store, ())
        try:
            identity = await identify(stores, settings, site_time(settings.clock), software="t")
            assert (identity.device, identity.site) == (cloud.device, cloud.site)
            assert load_identity(stores.reader, stores.secrets) == identity
        finally:
            stores.close()
    kept = (tmp_path / "device.key").stat()
    assert kept.st_mode & 0o777 == 0o600
    assert identity.site_key not in (tmp_path / "journal.db").read_bytes()


@pytest.mark.capability("IOT-02")
async def test_a_wrong_code_is_told_at_once(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        settings = gateway_settings(cloud=CloudSettings(url=cloud.url, provisioning_code="WRONG"))
        stores = Stores(tmp_path, StoreSettings(minimum_free_mb=1, reserve_mb=0), ())
        try:
            with pytest.raises(Rejected, match="code_unknown"):
                await identify(stores, settings, site_time(settings.clock), software="t")
        finally:
            stores.close()


@pytest.mark.rule(4, 21)
async def test_rule_21_a_superseded_gateway_gets_no_rights_but_what_it_took_is_still_sent(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 3)
            cloud.epoch = 2
            for _ in range(3):
                cloud.grant(1, 500)
            async with running(gateway):
                await until(lambda: gateway.site.link.state.word == "superseded")
                await until(lambda: len(cloud.entries) == 4)
            assert gateway.site.leases.n == 1


@pytest.mark.rule(16, 20)
async def test_rule_20_a_heartbeat_tells_what_a_lost_disk_would_have_held_and_what_is_revoked_here(
    tmp_path: Path,
) -> None:
    cloud = FakeCloud()
    card = msgspec.msgpack.encode(Credential(1, 1, 17, b"", 0, 99_991_231, 0))
    for name in ("people", "operators"):
        cloud.replicas[name] = []
    cloud.publish("credentials", "card:ab", card)
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 3)
            gateway.site.link.lanes = lambda: ((4, "idle", 2),)
            await gateway.sync.beat_once()
            assert gateway.site.replica.get("credentials", "card:ab", 0) is not None
            cloud.publish("credentials", "card:ab", None)
            await gateway.sync.beat_once()
            assert gateway.site.replica.get("credentials", "card:ab", 0) is None
            await gateway.sync.beat_once()
            beat, journal = cloud.heartbeats[-1], gateway.site.journal
            assert (beat.head_seq, beat.head, beat.sum_fen, beat.waiting) == (4, journal.head, 300, 4)
            assert (beat.replicas["credentials"], beat.lease_n, beat.lanes) == (2, 1, ((4, "idle", 2),))
            assert beat.disk_free_mb > 0
            await gateway.sync._api.close()


@pytest.mark.rule(26)
async def test_rule_26_a_stopped_stream_keeps_its_backlog_and_goes_on_when_it_is_let(tmp_path: Path) -> None:
    cloud = FakeCloud(state="stopped", refuse=Fault("stream_stopped", "a person must look", retry=False))
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            await settle_after_grant(gateway, 3)
            async with running(gateway):
                await until(lambda: gateway.site.link.state.word == "stream_stopped")
                assert gateway.site.journal.committed().waiting == 4
                cloud.refuse, cloud.state = None, "open"
                await until(lambda: len(cloud.entries) == 4)
                await until(lambda: gateway.site.link.state.word == "open")


async def test_one_collection_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.publish("people", "1", b"")
    cloud.publish("prices", "5:0", msgspec.msgpack.encode((5, 0, 600, 1)))
    broken = cloud.replica_page

    def page(query: dict[str, str]) -> ReplicaPage:
        made = broken(query)
        return msgspec.structs.replace(made, digest=b"x" * 32) if made.collection == "people" else made

    cloud.replica_page = page  # type: ignore[method-assign]
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            with pytest.raises(Malformed):
                await gateway.sync.beat_once()
            assert gateway.site.replica.get("prices", "5:0", 0).price_fen == 600
            assert gateway.site.replica.age_s() > 10**6
            await gateway.sync._api.close()


@pytest.mark.lesson("thingsboard-lag")
async def test_thingsboard_lag_a_backlog_of_10_000_drains_while_lanes_go_on_selling(tmp_path: Path) -> None:
    cloud = FakeCloud()
    async with serving(cloud):
        with site_at(tmp_path, settings=gateway_settings(cloud.url)) as gateway:
            site = gateway.site
            granted(site, [1], amount=100_000_000)
            sale = settlement(1, 100)

            def many(tx: Transaction) -> None:
                for _ in range(1_000):
                    site.journal.append(tx, Kind.WEIGHED, sale, subject="p1")

            for _ in range(10):
                await site.writer.submit(many)
            sold = 0
            async with running(gateway), asyncio.timeout(60):
                while site.journal.applied_through < 10_000:
                    await settle(gateway, 1)
                    sold += 1
                    await asyncio.sleep(0.01)
                await until(lambda: len(cloud.entries) == site.journal.head_seq)
            assert sold > 5
            assert cloud.seqs() == list(range(1, 10_002 + sold))


@pytest.mark.lesson("square-reset")
async def test_square_reset_a_gateway_provisioned_again_keeps_its_stream_and_all_that_waits(tmp_path: Path) -> None:
    cloud = FakeCloud()
    settings = gateway_settings("http://127.0.0.1:1")
    with site_at(tmp_path, settings=settings) as gateway:
        await settle_after_grant(gateway, 5)
    async with serving(cloud):
        again = gateway_settings(cloud.url)
        stores = Stores(tmp_path, again.store, ())
        try:
            identity = await identify(stores, again, site_time(again.clock), software="t")
        finally:
            stores.close()
        assert identity.epoch == 1
        assert cloud.public_key == b"", "a store that knows who it is asks for no new identity"
        with site_at(tmp_path, settings=again) as gateway:
            assert gateway.site.journal.committed().waiting == 7
            async with running(gateway):
                await until(lambda: len(cloud.entries) == 7)

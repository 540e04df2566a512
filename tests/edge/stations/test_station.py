"""The station as a whole: lanes wait for their records, start anew after a fault, and tell how they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from edge.core.supervisor import Supervisor
from edge.stations.canteen.station import Station
from edge.stations.site import LaneSettings
from protocols.journal.kinds import Kind
from tests.support.canteen import (
    CARDS,
    PLATE_LANE,
    PORK,
    RICE,
    HandCard,
    HandReader,
    canteen_at,
    put,
    spent_fen,
    until,
)
from tests.support.checkout import entries

LANE = LaneSettings("A1", "plate")


@asynccontextmanager
async def at_work(folder: Path, **options: Any) -> AsyncIterator[tuple[Station, HandReader, HandCard]]:
    async with canteen_at(folder, lanes=[LANE], **options) as station:
        reader, card = HandReader("A1 reader"), HandCard("A1 card")
        station.runners["A1"].make_devices = lambda: {"reader": reader, "card": card}
        supervisor = Supervisor(station.services(), Random(1), first_wait_s=0.02)
        supervisor.start()
        try:
            yield station, reader, card
        finally:
            await supervisor.stop()


@pytest.mark.rule(18)
async def test_rule_18_a_lane_that_fails_after_a_charge_comes_back_with_it_as_the_last_charge(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (station, reader, card):

        def state() -> dict[str, Any]:
            return station.kiosk.state("A1")

        reader.lay(RICE)
        await until(lambda: state().get("phase") == "bill")
        card.tap(CARDS[1])
        await until(lambda: state()["phase"] == "paid")
        entry = state()["receipt"]["entry"]
        shell = station.runners["A1"].shell
        assert shell is not None

        async def breaks() -> None:
            raise RuntimeError("a defect")

        shell.spawn(breaks())
        await until(lambda: station.runners["A1"].shell not in (None, shell))
        await until(lambda: (state()["last_charge"] or {}).get("entry") == entry)
        reader.plug()
        reader.lay(PORK)
        await until(lambda: state()["phase"] == "bill")
        card.tap(CARDS[1])
        await until(lambda: state()["phase"] == "paid")
        assert state()["last_charge"] is None
        assert spent_fen(station.desk, 1) == 1_000
        assert len(entries(station.desk, Kind.SETTLEMENT)) == 2


async def test_a_lane_waits_for_its_record_and_says_so(tmp_path: Path) -> None:
    async with at_work(tmp_path, change=lambda found: found["lanes"].clear()) as (station, _reader, _card):
        await until(lambda: station.kiosk.state("A1").get("message", {}).get("key") == "waiting")
        assert station.health()["lanes"] == [{"code": "A1", "lane": 0, "kind": "plate", "phase": "down"}]
        await put(station.site, "lanes", {"1": PLATE_LANE})
        await until(lambda: station.kiosk.state("A1")["phase"] == "idle")
        assert station.site.link.lanes() == ((1, "idle", -1),)


async def test_a_lane_takes_its_new_name_from_the_console(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (station, _reader, _card):
        await until(lambda: station.kiosk.state("A1").get("phase") == "idle")
        await put(station.site, "lanes", {"1": msgspec.structs.replace(PLATE_LANE, name_zh="东区 1 号台")})
        await until(lambda: station.kiosk.state("A1")["name"]["zh"] == "东区 1 号台")
        assert station.health()["lanes"][0]["phase"] == "idle"


async def test_health_tells_stream_link_lanes_and_alerts(tmp_path: Path) -> None:
    async with at_work(tmp_path, online=False) as (station, reader, _card):
        await until(lambda: station.kiosk.state("A1").get("phase") == "idle")
        reader.unplug()
        await until(lambda: station.kiosk.state("A1")["phase"] == "down")
        health = station.health()
        assert {"device", "epoch", "head_seq", "applied_through", "sum_fen", "waiting_fen", "waiting"} <= set(health)
        assert health["link"]["online"] is False
        assert health["alerts"] == {"A1 reader": "unplugged"}
        assert health["waiting"] == health["head_seq"] - health["applied_through"]

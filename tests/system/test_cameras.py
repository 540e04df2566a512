"""A campus whose lanes see, as `make run` opens it: dishes told from a camera are sold, and a face pays."""

from pathlib import Path

import pytest
from firmware_sim.world.diners import LaneDesk
from firmware_sim.world.gateway import SimulatedSite

from edge.store.connection import Reader
from models.fetch import fetch
from models.registry import Networks
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments.facts import Settlement, decode
from protocols.payments.reference import CredentialKind
from tests.support.campus import campus_folder, options_for, running_campus
from tests.support.networks import require_networks

pytestmark = [pytest.mark.serial, pytest.mark.timeout(400), pytest.mark.capability("SET-02", "SET-07")]

FACES = ("yunet", "mobilefacenet", "minifasnet-v2", "minifasnet-v1se")


def store(folder: Path) -> None:
    """Networks for faces, as `python -m models fetch --from` stores them."""
    networks = Networks(folder)
    for name in FACES:
        fetch(networks, name, folder=require_networks().store)


def desk_of(site: SimulatedSite, *, kind: str, face: bool = False) -> LaneDesk:
    return next(desk for desk in site.desks if desk.kind == kind and (desk.regular is not None) == face)


def sales(site: SimulatedSite) -> list[Settlement]:
    reader = Reader(site.folder / "store" / "journal.db")
    try:
        entries = [decode_entry(body) for (body,) in reader.rows("SELECT body FROM entries ORDER BY seq")]
    finally:
        reader.close()
    return [decode(Settlement, entry.payload) for entry in entries if entry.kind == Kind.SETTLEMENT]


async def test_dishes_are_sold_from_a_camera_and_somebody_enrols_and_pays_by_face() -> None:
    with campus_folder() as folder:
        store(folder / "models")
        async with running_campus(options_for(folder, cameras=True)) as campus:
            site = campus.sites[0]
            diners = [one for one in campus.diners.values() if one.home_site == site.facts.site_id]
            counter = desk_of(site, kind="vision")
            for diner in diners[:3]:
                assert await counter.serve(diner)
            seen = [sale for sale in sales(site) if all(line.dish and not line.plate for line in sale.lines)]
            assert counter.served >= 2
            assert len(seen) >= counter.served
            till = desk_of(site, kind="plate", face=True)
            regular, somebody = till.regular, diners[4]
            assert regular is not None
            await till._sign_in()
            await regular.enrol(somebody.card, till.devices["card"], till.screen, till.operator)
            assert regular.card == somebody.card, till.screen.state["face"]
            till.by_face = regular
            assert await till.serve(somebody)
            paid = [sale for sale in sales(site) if sale.credential_kind == CredentialKind.FACE]
            assert [sale.person for sale in paid] == [somebody.person]

import os

import pytest

from tests.simulation.lease_world import PEOPLE, SITES, LeaseWorld

SEEDS = int(os.environ.get("SEEDS", "20"))
STEPS = 3000


@pytest.mark.rule(1)
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_rule_1_no_network_lets_leases_and_balances_part(seed: int) -> None:
    world = LeaseWorld(seed)
    for step in range(STEPS):
        world.step()
        assert min(world.balances.values(), default=0) >= 0, f"seed {seed}, step {step}"
    for person in PEOPLE:
        held = [world.leased(person, site) for site in SITES] + [world.available(person)]
        left = sum(world.balances.get(account, 0) for account in held)
        assert left == world.auditor.left(person), f"seed {seed}, person {person}"
    assert world.refused, "a world in which nothing is ever refused shows nothing"


@pytest.mark.rule(1)
def test_one_seed_is_one_world() -> None:
    first, second = LeaseWorld(7), LeaseWorld(7)
    for world in (first, second):
        for _ in range(STEPS):
            world.step()
    assert first.balances == second.balances

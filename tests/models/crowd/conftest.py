"""The detector of persons, opened once, and people cut out of the sample photographs."""

import pytest

from models.evaluate.crowd import cutouts_of
from models.evaluate.crowd_scenes import Cutout
from models.objects import PERSONS, Detector
from models.registry import Networks
from tests.support.networks import require_networks, require_samples


@pytest.fixture(scope="session")
def networks() -> Networks:
    return require_networks()


@pytest.fixture(scope="session")
def detector(networks: Networks) -> Detector:
    return Detector(networks, role=PERSONS)


@pytest.fixture(scope="session")
def cutouts(networks: Networks) -> list[Cutout]:
    return cutouts_of(require_samples(), networks)

"""The networks of the kitchen, opened once, and people of the sample photographs to compose scenes from."""

import numpy as np
import pytest

from models.evaluate.kitchen_scenes import Portrait
from models.face.detector import FaceDetector
from models.kitchen.eye import Parts
from models.registry import Networks
from tests.support.networks import photo, require_networks


@pytest.fixture(scope="session")
def networks() -> Networks:
    return require_networks()


@pytest.fixture(scope="session")
def parts(networks: Networks) -> Parts:
    return Parts(networks)


@pytest.fixture(scope="session")
def portraits(networks: Networks) -> list[Portrait]:
    detector = FaceDetector(networks)
    names = ("fr-obama/01.jpg", "fr-biden/02.jpg", "fr-obama/03.jpg")
    return [Portrait(name, name[:8], photo(name), detector.detect(photo(name))[0]) for name in names]


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(11)

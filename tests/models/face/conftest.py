"""The networks, opened once for all tests of faces."""

import pytest

from models.face.detector import FaceDetector
from models.face.embedder import FaceEmbedder
from models.face.liveness import MiniFasNets
from models.face.pipeline import FacePipeline
from models.registry import Networks
from tests.support.networks import require_networks


@pytest.fixture(scope="session")
def networks() -> Networks:
    return require_networks()


@pytest.fixture(scope="session")
def detector(networks: Networks) -> FaceDetector:
    return FaceDetector(networks)


@pytest.fixture(scope="session")
def embedder(networks: Networks) -> FaceEmbedder:
    return FaceEmbedder(networks)


@pytest.fixture(scope="session")
def pipeline(networks: Networks, detector: FaceDetector, embedder: FaceEmbedder) -> FacePipeline:
    return FacePipeline(detector=detector, embedder=embedder, liveness=MiniFasNets(networks))

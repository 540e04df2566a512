"""What this machine can recognise faces with: the stored networks, else dlib from pip, else nothing and why."""

from dataclasses import dataclass

from models.errors import NetworkMissing, NetworkUnavailable
from models.face.decision import Impostors, Policy, accept_for
from models.face.detector import FaceDetector
from models.face.dlib_faces import DlibDetector, DlibEmbedder, installed
from models.face.embedder import FaceEmbedder
from models.face.liveness import LivenessModule, MiniFasNets
from models.face.pipeline import Detector, Embedder, FacePipeline
from models.face.quality import QualityLimits
from models.registry import Networks


@dataclass(frozen=True, slots=True)
class Likeness:
    """How cosines of one embedding network are to be read: floors, and how different people compare."""

    accept: float
    doubt: float
    margin: float
    impostors: Impostors


@dataclass(frozen=True, slots=True)
class FaceParts:
    """Detector, embedder and liveness of one machine. `digest` and `dimensions` name the embedder in the gallery."""

    name: str
    detector: Detector
    embedder: Embedder
    liveness: LivenessModule | None
    digest: bytes
    dimensions: int
    likeness: Likeness
    limits: QualityLimits | None = None

    def pipeline(self, vendor: LivenessModule | None = None) -> FacePipeline:
        """Frames to decisions; a vendor's certified liveness module takes the place of ours."""
        live = vendor or self.liveness
        return FacePipeline(detector=self.detector, embedder=self.embedder, liveness=live, limits=self.limits)

    def policy(self, *, people: int, cap_fen: int, false_accepts: float = 1e-3, needs_liveness: bool = True) -> Policy:
        """Thresholds for a gallery of so many people, with that chance of taking a stranger for one of them."""
        like = self.likeness
        accept = accept_for(people, like.impostors, wanted=false_accepts, least=like.accept)
        return Policy(accept, like.doubt, like.margin, cap_fen, needs_liveness)


# measured by evaluating dlib's embedding on the sample faces: 5108 pairs of different people, cosines of unit vectors
DLIB = Likeness(accept=0.94, doubt=0.92, margin=0.023, impostors=Impostors(0.8625, 0.02862, 5108))
DLIB_LIMITS = QualityLimits(pitch_from=0.15)  # its nose is the tip, which stands higher than where YuNet puts it


def open_parts(networks: Networks) -> FaceParts:
    """The best this machine has. Raises NetworkUnavailable, saying both ways to get faces.

    A damaged file is not passed over in silence: NetworkDamaged leaves.
    """
    try:
        detector, embedder = FaceDetector(networks), FaceEmbedder(networks)
    except NetworkMissing as missing:
        if not installed():
            raise NetworkUnavailable(f"{missing}; or pip install dlib-bin and face_recognition_models") from missing
        plain = DlibEmbedder()
        return FaceParts(
            "dlib", DlibDetector(), plain, _liveness(networks), plain.digest, plain.dimensions, DLIB, DLIB_LIMITS
        )
    entry, settings = embedder.network, embedder.network.settings
    impostors = Impostors(
        float(settings["impostor_mean"]), float(settings["impostor_deviation"]), int(settings["impostor_pairs"])
    )
    likeness = Likeness(float(settings["accept"]), float(settings["doubt"]), float(settings["margin"]), impostors)
    digest = bytes.fromhex(entry.sha256)
    return FaceParts(entry.name, detector, embedder, _liveness(networks), digest, embedder.dimensions, likeness)


def _liveness(networks: Networks) -> LivenessModule | None:
    """None where it was not fetched: then no face pays alone."""
    try:
        return MiniFasNets(networks)
    except NetworkMissing:
        return None

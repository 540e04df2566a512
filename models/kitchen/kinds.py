"""What a kitchen camera may raise an alarm for, and whether each can be seen here: the answer screens show."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from models.errors import NetworkDamaged, NetworkMissing, NetworkUnknown
from models.objects import GENERAL
from models.registry import Network, Networks

MASKS: Final = "mask-detector"  # the role of the network that finds faces with and without a mask
FACES: Final = "face-detector"
LEAST_CASES: Final = 100  # labelled pictures behind a figure, before a network of our own training may raise alarms


class Kind(StrEnum):
    """What is seen."""

    NO_MASK = "no_mask"
    PHONE = "phone"
    NO_HAT = "no_hat"
    SMOKING = "smoking"
    RAT = "rat"


class Readiness(StrEnum):
    """Whether a kind can be seen here. Only READY raises alarms."""

    READY = "ready"
    NO_NETWORK = "no_measured_network"  # the registry names none
    NOT_MEASURED = "not_measured"  # it names one whose evaluation is too small or missing
    NOT_FETCHED = "not_fetched"
    DAMAGED = "damaged"  # its SHA-256 is another: never opened


ROLES: Final[Mapping[Kind, str]] = {
    Kind.NO_MASK: MASKS,
    Kind.PHONE: GENERAL,
    Kind.NO_HAT: "kitchen-hat",
    Kind.SMOKING: "kitchen-smoking",
    Kind.RAT: "kitchen-rat",
}
# further networks without which a kind is not looked for
HELPERS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.NO_MASK: (FACES,),  # the mask network takes food for faces at times
    Kind.NO_HAT: (MASKS,),  # heads are found by their faces
    Kind.SMOKING: (MASKS,),
}
ON_BY_DEFAULT: Final = frozenset({Kind.NO_MASK, Kind.PHONE})
OWN_TRAINING: Final = frozenset({Kind.NO_HAT, Kind.SMOKING, Kind.RAT})

KIND_WORDS: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.NO_MASK: {"zh-CN": "未戴口罩", "en": "No mask"},
    Kind.PHONE: {"zh-CN": "使用手机", "en": "Phone in use"},
    Kind.NO_HAT: {"zh-CN": "未戴厨师帽", "en": "No chef's hat"},
    Kind.SMOKING: {"zh-CN": "吸烟", "en": "Smoking"},
    Kind.RAT: {"zh-CN": "发现老鼠", "en": "Rat seen"},
}
READINESS_WORDS: Final[Mapping[Readiness, Mapping[str, str]]] = {
    Readiness.READY: {"zh-CN": "可用", "en": "available"},
    Readiness.NO_NETWORK: {"zh-CN": "不可用：没有经过评测的模型", "en": "not available: no measured network"},
    Readiness.NOT_MEASURED: {
        "zh-CN": "不可用：模型尚未充分评测",
        "en": "not available: its network has not been measured enough",
    },
    Readiness.NOT_FETCHED: {"zh-CN": "不可用：模型未下载", "en": "not available: its network has not been fetched"},
    Readiness.DAMAGED: {
        "zh-CN": "不可用：模型文件校验失败，请重新下载",
        "en": "not available: the network's file is not the one named; fetch it again",
    },
}
CAVEATS: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.NO_MASK: {
        "zh-CN": "只在少量合成口罩照片上评测；口罩戴在下巴上不单独识别",
        "en": "measured on few pictures with painted masks; a mask worn on the chin is not a class of its own",
    },
    Kind.PHONE: {
        "zh-CN": "误报已评测；检出率没有真实照片可评测，小手机常被漏掉",
        "en": "false alarms are measured, the share found is not, for want of pictures; small phones are missed",
    },
}


@dataclass(frozen=True, slots=True)
class KindState:
    """One kind on one gateway: whether it can be seen, why not, and what is known to be weak about it."""

    kind: Kind
    readiness: Readiness
    network: str = ""

    @property
    def available(self) -> bool:
        """Whether it may raise alarms."""
        return self.readiness is Readiness.READY

    @property
    def on_by_default(self) -> bool:
        """Whether it is on where nobody chose."""
        return self.available and self.kind in ON_BY_DEFAULT

    def as_json(self) -> dict[str, Any]:
        """For a screen: words in both languages."""
        return {
            "kind": self.kind.value,
            "name": dict(KIND_WORDS[self.kind]),
            "available": self.available,
            "on_by_default": self.on_by_default,
            "reason": dict(READINESS_WORDS[self.readiness]),
            "caveat": dict(CAVEATS.get(self.kind, {})),
            "network": self.network,
        }


def states(networks: Networks) -> tuple[KindState, ...]:
    """Every kind with what stands in its way on this gateway; never raises for a file that is not there or wrong."""
    return tuple(state_of(kind, networks) for kind in Kind)


def state_of(kind: Kind, networks: Networks) -> KindState:
    """The state of one kind."""
    try:
        entry = networks.named(ROLES[kind])
    except NetworkUnknown:
        return KindState(kind, Readiness.NO_NETWORK)
    if kind in OWN_TRAINING and not _is_measured(entry):
        return KindState(kind, Readiness.NOT_MEASURED, entry.name)
    for name in (entry.name, *(networks.named(role).name for role in HELPERS.get(kind, ()))):
        try:
            networks.path(name)
        except NetworkMissing:
            return KindState(kind, Readiness.NOT_FETCHED, name)
        except NetworkDamaged:
            return KindState(kind, Readiness.DAMAGED, name)
    return KindState(kind, Readiness.READY, entry.name)


def _is_measured(entry: Network) -> bool:
    cases = entry.settings.get("measured_cases", 0)
    return isinstance(cases, int) and cases >= LEAST_CASES

"""What the screen tells the person in front of the camera, in both languages."""

from enum import StrEnum
from typing import Final


class Hint(StrEnum):
    """Why a face is not good enough, as the key of its words."""

    NO_FACE = "no_face"
    SEVERAL = "several"
    CLOSER = "closer"
    FARTHER = "farther"
    HOLD_STILL = "hold_still"
    LOOK_AHEAD = "look_ahead"
    LEVEL = "level"
    MORE_LIGHT = "more_light"
    LESS_LIGHT = "less_light"
    SIDE_LIGHT = "side_light"
    CENTRE = "centre"
    GREY = "grey"


WORDS: Final[dict[Hint, dict[str, str]]] = {
    Hint.NO_FACE: {"zh-CN": "请看向屏幕", "en": "Please look at the screen"},
    Hint.SEVERAL: {"zh-CN": "请一个人站到前面", "en": "One person at the front, please"},
    Hint.CLOSER: {"zh-CN": "请靠近一些", "en": "Please come closer"},
    Hint.FARTHER: {"zh-CN": "请退后一些", "en": "Please step back a little"},
    Hint.HOLD_STILL: {"zh-CN": "请保持不动", "en": "Please hold still"},
    Hint.LOOK_AHEAD: {"zh-CN": "请正对摄像头", "en": "Please face the camera"},
    Hint.LEVEL: {"zh-CN": "请摆正头部", "en": "Please hold your head level"},
    Hint.MORE_LIGHT: {"zh-CN": "光线太暗", "en": "It is too dark"},
    Hint.LESS_LIGHT: {"zh-CN": "光线太强", "en": "It is too bright"},
    Hint.SIDE_LIGHT: {"zh-CN": "脸上光线不均，请转向光源", "en": "The light falls from one side: turn towards it"},
    Hint.CENTRE: {"zh-CN": "请把脸放在画面中间", "en": "Please move to the middle of the picture"},
    Hint.GREY: {"zh-CN": "黑白画面，无法单独刷脸支付", "en": "Black and white picture: face alone cannot pay"},
}

"""Why a payment is not taken: stable words for facts and reports, and what a person reads. One place for both sides."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Words of `Refused.reason`; never renamed, only added to."""

    UNKNOWN_CREDENTIAL = "unknown_credential"
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIAL_STALE = "credential_stale"
    CREDENTIAL_CAP = "credential_cap"
    CODE_USED = "code_used"
    CODE_EXPIRED = "code_expired"
    PIN_WRONG = "pin_wrong"
    PIN_LOCKED = "pin_locked"
    PIN_MISSING = "pin_missing"
    PERSON_UNKNOWN = "person_unknown"
    PERSON_INVALID = "person_invalid"
    BLOCKED = "blocked"
    TRADING_STALE = "trading_stale"
    SCENE_MISSING = "scene_missing"
    SINGLE_LIMIT = "single_limit"
    LIMIT_TIMES = "limit_times"
    LIMIT_AMOUNT = "limit_amount"
    LIMIT_ELSEWHERE = "limit_elsewhere"
    OUT_OF_SCOPE = "out_of_scope"
    BUCKET_LIMIT = "bucket_limit"
    NOT_ENOUGH = "not_enough"
    NO_LEASE = "no_lease"
    PRICE_MISSING = "price_missing"
    BILL_CHANGED = "bill_changed"
    CERTIFICATE_EXPIRED = "certificate_expired"
    OUT_OF_PERIOD = "out_of_period"
    STORE_FULL = "store_full"
    PLATE_PAID = "plate_paid"
    TROUBLE = "trouble"
    ENTERED = "entered"


class Refusal(NamedTuple):
    """A decision not to take a payment. `reason` is also the key of `TEXTS`; `amount_fen` is what the text names."""

    reason: Reason
    amount_fen: int = 0


# Chinese and English; {amount} is replaced by money. What happened, and what to do.
TEXTS: dict[str, tuple[str, str]] = {
    Reason.UNKNOWN_CREDENTIAL: (
        "不认识这张卡或码，请到服务台办理",
        "Card or code not known, please ask the service desk",
    ),
    Reason.CREDENTIAL_INVALID: (
        "卡或码不在有效期内，请到服务台办理",
        "Card or code is not valid today, ask the service desk",
    ),
    Reason.CREDENTIAL_STALE: (
        "离线太久，这种方式暂不能用，请刷卡",
        "Offline too long for this way to pay, please use a card",
    ),
    Reason.CREDENTIAL_CAP: ("这种方式单笔最多 {amount}，请刷卡", "This way pays at most {amount}, please use a card"),
    Reason.CODE_USED: ("这个码已用过，请刷新后再扫", "This code was used, refresh it and scan again"),
    Reason.CODE_EXPIRED: ("码已过期，请刷新后再扫", "The code has expired, refresh it and scan again"),
    Reason.PIN_WRONG: ("密码不对，没有扣款", "Wrong PIN, nothing was charged"),
    Reason.PIN_LOCKED: ("密码输错太多，请稍后再试或刷卡", "Too many wrong PINs, try later or use a card"),
    Reason.PIN_MISSING: ("没有设置密码，请到服务台办理", "No PIN is set, please ask the service desk"),
    Reason.PERSON_UNKNOWN: (
        "本食堂没有您的资料，请到服务台办理",
        "You are not known here, please ask the service desk",
    ),
    Reason.PERSON_INVALID: ("已过有效期，请到服务台办理", "Your account is out of date, ask the service desk"),
    Reason.BLOCKED: ("账户已停用，请到服务台办理", "This account is stopped, please ask the service desk"),
    Reason.TRADING_STALE: ("离线太久，暂停结算，请到其他台", "Offline too long, payments paused, use another lane"),
    Reason.SCENE_MISSING: (
        "本台还没有设置扣款方式，请找工作人员",
        "This lane is not set up for payment, ask the staff",
    ),
    Reason.SINGLE_LIMIT: (
        "超过单笔限额 {amount}，没有扣款",
        "Over the limit of {amount} a payment, nothing was charged",
    ),
    Reason.LIMIT_TIMES: ("本餐次数已用完，没有扣款", "No meals left for this period, nothing was charged"),
    Reason.LIMIT_AMOUNT: (
        "超过消费限额 {amount}，没有扣款",
        "Over your spending limit of {amount}, nothing was charged",
    ),
    Reason.LIMIT_ELSEWHERE: (
        "您的餐次在另一处食堂，请到那里用餐",
        "Your meal is kept at another canteen, please go there",
    ),
    Reason.OUT_OF_SCOPE: ("您的账户不能在这里或这个时段使用", "Your accounts cannot be used here or at this time"),
    Reason.BUCKET_LIMIT: ("账户已到本餐或当日限额，还差 {amount}", "Account limit reached, {amount} missing"),
    Reason.NOT_ENOUGH: (
        "可用额度不足，还差 {amount}，没有扣款",
        "Not enough here, {amount} missing, nothing was charged",
    ),
    Reason.NO_LEASE: (
        "离线中，本处没有您的可用额度，请联网后再试",
        "Offline and nothing set aside for you here, try when online",
    ),
    Reason.PRICE_MISSING: ("有菜品没有定价，请找工作人员", "A dish has no price, please ask the staff"),
    Reason.BILL_CHANGED: ("餐盘有变化，请再确认一次", "The tray changed, please confirm again"),
    Reason.CERTIFICATE_EXPIRED: ("秤的检定已过期，暂停称重", "The scale's certificate has expired, weighing is paused"),
    Reason.OUT_OF_PERIOD: ("现在不是供餐时段", "No meal is served at this time"),
    Reason.STORE_FULL: ("本机存储将满，暂停收款，请到其他台", "Storage nearly full, payments paused, use another lane"),
    Reason.PLATE_PAID: (
        "有餐盘已付过款，请取走或找工作人员",
        "A plate here was paid already, take it away or ask the staff",
    ),
    Reason.TROUBLE: (
        "本机有故障，没有扣款，请到其他台",
        "This lane has a fault, nothing was charged, use another lane",
    ),
    Reason.ENTERED: ("本餐已入场，没有扣款", "You entered for this meal already, nothing was charged"),
}

"""What a lane says, Chinese and English, by stable key. Refusals have their own words in protocols/payments."""

from typing import Final

from protocols.payments.refusals import TEXTS as REFUSALS
from protocols.values.money import format_fen

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "idle": ("欢迎光临", "Welcome"),
    "idle.plate": ("请把餐盘放在结算台上", "Please place your tray on the counter"),
    "idle.weigh": ("请刷卡或扫码，绑定托盘后取餐", "Tap a card or scan a code, then serve yourself"),
    "idle.vision": ("请把餐盘放在摄像头下", "Please place your tray under the camera"),
    "idle.pos": ("请点餐", "Please order"),
    "idle.gate": ("请刷卡或扫码入场", "Tap a card or scan a code to enter"),
    "reading": ("正在识别，请勿移动餐盘", "Reading, please keep the tray still"),
    "reading.tapped": ("已刷卡，正在识别餐盘", "Card read, reading the tray"),
    "bill": ("请刷卡或出示付款码", "Tap a card or show your code"),
    "bill.weigh": ("请继续取餐，取完再刷一次结算", "Serve yourself, then tap again to pay"),
    "paying": ("正在扣款", "Paying"),
    "pin": ("请输入支付密码", "Please enter your PIN"),
    "paid": ("支付成功，祝您用餐愉快", "Paid. Enjoy your meal"),
    "paid.gate": ("支付成功，请通过", "Paid. Please walk through"),
    "refused": ("没有扣款", "Nothing was charged"),
    "ask": ("请找工作人员", "Please ask the staff"),
    "unknown_plate": ("有餐盘不认识，请找工作人员，没有扣款", "A plate is not known, please ask the staff"),
    "two_trays": ("台上不止一份餐盘，请一份一份来", "More than one tray here, one at a time please"),
    "edge": ("请把餐盘往中间放", "Please move the tray to the middle"),
    "unsteady": ("识别不稳，请把餐盘放平再试", "Cannot read the tray, please set it down flat"),
    "take_tray": ("已付款，请取走餐盘", "Paid, please take your tray"),
    "no_dish": ("托盘上没有菜品", "There is no dish on the tray"),
    "which_dish": ("请点选这道菜的名字，或找工作人员", "Tap the name of the dish, or ask the staff"),
    "unknown_thing": ("有不认识的菜品，请找工作人员，没有扣款", "A dish is not known, please ask the staff"),
    "unknown_chip": ("有餐盘不认识，请找工作人员，没有扣款", "A plate is not known, please ask the staff"),
    "paid_chip": ("有餐盘已付过款，请取走托盘", "A plate was paid for already, please take the tray"),
    "fewer_chips": ("有餐盘没有读到，请放平或找工作人员", "A plate was not read, set it flat or ask the staff"),
    "more_chips": ("读到的餐盘比看到的多，请找工作人员", "More plates were read than are seen, ask the staff"),
    "other_dish": ("菜品与餐盘不一致，请找工作人员", "Dish and plate do not agree, please ask the staff"),
    "weight": ("重量与菜品不一致，请找工作人员", "The weight does not fit, please ask the staff"),
    "blind": ("摄像头看不清，请勿遮挡", "The camera cannot see, please do not cover it"),
    "clear_first": ("请先取走台上的餐盘，再放一次", "Please take the tray off, then set it down again"),
    "below_minimum": ("不足最小称量，请再取一点", "Below the scale's minimum, please take a little more"),
    "overload": ("超出秤的量程，请取走一些", "Too heavy for the scale, please take some off"),
    "unattributed": ("请先刷卡再取餐，找工作人员处理", "Tap a card before serving, please ask the staff"),
    "not_passed": ("已付款但未通过，请再刷一次入场", "Paid but not passed, tap again to enter"),
    "gate_stuck": ("闸机没有响应，请找工作人员开门", "The gate does not answer, ask the staff to open"),
    "balances": ("您在这里的可用额度", "What you can spend here"),
    "down": ("设备断开，正在重连，请稍候或到其他台", "A device is away, reconnecting; wait or use another lane"),
    "waiting": ("正在等候配置下发", "Waiting for this lane's settings"),
}

_DENIALS: Final[dict[str, tuple[str, str]]] = {
    "sign_in": ("请先登录", "Please sign in first"),
    "sign_in_wrong": ("工号或密码不对", "Wrong operator or PIN"),
    "no_tap": ("没有等到刷卡", "No card was tapped"),
    "busy": ("正在扣款，请稍候", "A payment is under way, please wait"),
    "unknown_act": ("本台没有这个操作", "This lane cannot do that"),
    "bad_input": ("输入不对，请检查", "Please check what was entered"),
    "not_here": ("不是本机的交易，请到后台退款", "Not sold here, please refund it in the console"),
    "over_limit": ("超过您的退款上限，请找主管", "Over your refund limit, please ask a supervisor"),
    "no_reason": ("请选择退款原因", "Please choose a reason"),
    "refunded_before": ("这笔已经退过了", "This was refunded already"),
    "item_refunded_before": ("这一项已经退过了", "This item was refunded already"),
    "no_such_item": ("没有这一项", "There is no such item"),
    "nothing_left": ("已全部退完", "Everything was refunded already"),
    "no_wallet": ("没有现金账户，不能充值", "There is no cash wallet to put it on"),
    "bad_amount": ("金额不对，请检查", "Please check the amount"),
    "unknown_person": ("本食堂没有这个人的资料", "This person is not known here"),
    "voided_before": ("这笔充值已撤销过", "This cash was voided already"),
    "spent": ("钱已用掉，不能撤销", "The money was spent, it cannot be voided"),
    "no_printer": ("本台没有打印机", "This lane has no printer"),
    "moved": ("画面变了，请再点一次", "The picture has changed, please tap again"),
    "staff_only": ("请找工作人员确认", "Please ask the staff to confirm"),
    "price_missing": ("这道菜今天没有定价", "This dish has no price today"),
    "unknown_dish": ("没有这道菜", "There is no such dish"),
    "not_one_dish": ("台上要正好一份菜", "Exactly one dish must be on the counter"),
    "nothing_to_see": ("看不清，请放好再拍", "Nothing can be seen, set it right and try again"),
    "few_pictures": ("至少拍三张再保存", "Take at least three pictures first"),
    "enough_pictures": ("已够十张，请保存", "Ten pictures are enough, please keep them"),
    "no_face_networks": ("本机没有人脸网络，不能登记", "No face networks here, faces cannot be enrolled"),
    "enrol_offline": ("登记人脸要联网，请稍后再试", "Enrolling a face needs the network, try again later"),
    "store_full": ("本机存储将满，没有办成", "Storage nearly full, that was not done"),
}


def message(key: str, *, kind: str = "", amount_fen: int = 0) -> dict[str, str]:
    """A text by key, the lane kind's own where there is one; `{amount}` is filled in."""
    texts = _TEXTS.get(f"{key}.{kind}") or _TEXTS.get(key) or REFUSALS.get(key) or _TEXTS["ask"]
    amount = format_fen(amount_fen)
    return {"key": key, "zh": texts[0].replace("{amount}", amount), "en": texts[1].replace("{amount}", amount)}


def denial(word: str, *, amount_fen: int = 0) -> dict[str, object]:
    """The answer to an operator's act that was not done."""
    texts = _DENIALS.get(word) or REFUSALS.get(word) or _DENIALS["bad_input"]
    amount = format_fen(amount_fen)
    words = {"key": word, "zh": texts[0].replace("{amount}", amount), "en": texts[1].replace("{amount}", amount)}
    return {"ok": False, "message": words}

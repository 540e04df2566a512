"""The numbered wordings of consent to paying by face. A wording is never changed: a new one gets the next number."""

from typing import Final

CONSENT_WORDINGS: Final[dict[int, dict[str, str]]] = {
    1: {
        "zh-CN": (
            "我同意本单位为餐厅刷脸结算处理我的人脸信息：\n"
            "1. 现场拍摄的照片只用来计算人脸特征值，算完立即丢弃，不保存照片。\n"
            "2. 特征值加密保存在单位服务器和下列站点的网关，只用于在这些站点认出我并付款，"
            "不作其他用途，不提供给他人。\n"
            "3. 不同意也不影响就餐：刷卡、二维码、手机号加密码始终可用。\n"
            "4. 我可以随时撤回同意。撤回或离职后，服务器立即删除特征值，各站点逐一删除并确认；"
            "备份中的密文随备份轮换到期删除，其间不再使用。"
        ),
        "en": (
            "I agree that my organisation processes my face for paying at its canteens:\n"
            "1. Pictures taken here only serve to compute face features and are discarded at once; none is kept.\n"
            "2. The features are kept encrypted on the organisation's server and on the gateways of the sites below, "
            "to recognise me and take payment at those sites, for nothing else, and are given to nobody else.\n"
            "3. Nothing is lost by saying no: card, code, and phone with PIN always work.\n"
            "4. I may withdraw at any time. Then, or when I leave, the server erases the features at once, each site "
            "erases them and confirms; what encrypted backups hold goes as backups expire, and is not used meanwhile."
        ),
    },
}
NEWEST_WORDING: Final = max(CONSENT_WORDINGS)

PICTURE_WORDS: Final[dict[str, dict[str, str]]] = {
    "unreadable": {"zh-CN": "无法读取，请用 JPG 或 PNG 照片", "en": "Cannot be read: use a JPEG or PNG picture"},
    "picture_too_large": {"zh-CN": "照片太大，请缩小后再试", "en": "The picture is too large: make it smaller"},
    "same_picture": {"zh-CN": "与前一张相同，请换一张", "en": "The same as another one: take a different picture"},
    "another_face": {"zh-CN": "与其他照片不是同一个人", "en": "Not the same face as in the other pictures"},
}

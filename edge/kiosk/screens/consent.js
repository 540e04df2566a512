// The wording a person agrees to on this screen, by its number in the cloud: a changed text has another number there.

export const WORDING = 1;

export const CONSENT = [
  ["我同意本单位为餐厅刷脸结算处理我的人脸信息：", "I agree that my organisation processes my face for paying at its canteens:"],
  ["1. 现场拍摄的照片只用来计算人脸特征值，算完立即丢弃，不保存照片。", "1. Pictures taken here only serve to compute face features and are discarded at once; none is kept."],
  ["2. 特征值加密保存在单位服务器和下列站点的网关，只用于在这些站点认出我并付款，不作其他用途，不提供给他人。", "2. The features are kept encrypted on the organisation's server and on the gateways of the sites below, to recognise me and take payment at those sites, for nothing else, and are given to nobody else."],
  ["3. 不同意也不影响就餐：刷卡、二维码、手机号加密码始终可用。", "3. Nothing is lost by saying no: card, code, and phone with PIN always work."],
  ["4. 我可以随时撤回同意。撤回或离职后，服务器立即删除特征值，各站点逐一删除并确认；备份中的密文随备份轮换到期删除，其间不再使用。", "4. I may withdraw at any time. Then, or when I leave, the server erases the features at once, each site erases them and confirms; what encrypted backups hold goes as backups expire, and is not used meanwhile."],
];

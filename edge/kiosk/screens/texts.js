// Words of the screens themselves; what a lane says comes with its state in both languages.

const TEXTS = {
  amount: ["应付", "To pay"],
  paid_amount: ["已付", "Paid"],
  items: ["{n} 项", "{n} items"],
  more: ["还有 {n} 项", "{n} more"],
  discount: ["优惠", "Discount"],
  fee: ["管理费", "Service fee"],
  receipt_no: ["单号", "Receipt"],
  mark: ["校验", "Check"],
  left: ["剩余可用", "Left to spend"],
  tray_empty: ["托盘上的菜会显示在这里", "What is on the tray appears here"],
  tray_empty_vision: ["摄像头下的菜会显示在这里", "What the camera sees on the tray appears here"],
  by_face: ["刷脸", "By face"],
  face_looking: ["刷脸支付：请看镜头", "Pay by face: look at the camera"],
  face_confirm: ["{person}？请用密码确认", "{person}? Please confirm with the PIN"],
  face_other: ["请刷卡、扫码或用手机号支付", "Please pay by card, code or phone number"],
  face_unavailable: ["本台暂不能刷脸，请刷卡或扫码", "No face payment here now: card or code, please"],
  consent_title: ["{person}：刷脸支付个人信息处理同意书", "{person}: consent to paying by face"],
  consent_place: ["站点：{place}", "Site: {place}"],
  consent_ask: ["请阅读同意书，再选择", "Please read the text, then choose"],
  agree: ["我同意", "I agree"],
  decline: ["不同意", "No, thank you"],
  face_enrol_consent: ["请本人在顾客屏上阅读并同意", "The person reads and agrees on the diner's screen"],
  face_word_declined: ["没有同意，未登记", "Not agreed, nothing was taken"],
  face_enrol_taking: ["登记人脸：{person}，请看镜头，慢慢转头（{taken}/{wanted}）", "Enrolling {person}: look at the camera and turn your head slowly ({taken}/{wanted})"],
  face_enrol_sending: ["正在保存", "Saving"],
  face_enrol_stored: ["已登记，可以刷脸支付了", "Enrolled: you can pay by face now"],
  face_enrol_failed: ["没有登记成", "Not enrolled"],
  face_word_too_few: ["照片不够，请再来一次", "Too few good pictures, please try again"],
  face_word_attack: ["请由本人面对摄像头", "The person must be here in front of the camera"],
  face_word_looks_like_another: ["与已登记的人相似，请管理员在控制台登记", "Looks like somebody enrolled: an administrator enrols in the console"],
  face_word_no_consent: ["请先在控制台签署同意书", "Consent must be given in the console first"],
  face_word_enrol_offline: ["没有联网，请稍后再试", "No network, please try later"],
  enrol: ["人脸登记", "Enrol a face"],
  enrol_hint: ["点开始，请本人刷卡，在顾客屏上阅读同意书，再看镜头", "Start; the person taps their card, reads and agrees on the diner's screen, then looks at the camera"],
  enrol_start: ["开始登记", "Start"],
  enrol_look: ["{person}：请看顾客屏", "{person}: see the diner's screen"],
  face_pin: ["输入密码", "Enter the PIN"],
  face_word_no_face: ["没有看到人脸", "No face seen"],
  face_word_several: ["请一个人站到前面", "One person at the front, please"],
  face_word_several_faces: ["请一个人站到前面", "One person at the front, please"],
  face_word_closer: ["请靠近一些", "Please come closer"],
  face_word_farther: ["请退后一些", "Please step back a little"],
  face_word_hold_still: ["请保持不动", "Please hold still"],
  face_word_look_ahead: ["请正对摄像头", "Please face the camera"],
  face_word_level: ["请摆正头部", "Please hold your head level"],
  face_word_more_light: ["光线太暗", "It is too dark"],
  face_word_less_light: ["光线太强", "It is too bright"],
  face_word_side_light: ["脸上光线不均", "The light falls from one side"],
  face_word_centre: ["请把脸放在画面中间", "Please move to the middle"],
  face_word_nobody_like_this: ["没有登记过这张脸", "This face was not enrolled"],
  face_word_close_candidates: ["不能确定是谁", "Not sure who this is"],
  face_word_liveness_failed: ["没有通过活体检测", "The liveness check did not pass"],
  face_word_tried: ["刚才没有付成", "That did not go through just now"],
  no_picture: ["还没有画面", "No picture yet"],
  state_ask: ["请选择", "Choose"],
  sight: ["菜品确认", "Dishes"],
  sight_hint: ["点画面里的一份菜，再点菜名。本单立即更正，并学会这道菜", "Tap a dish in the picture, then its name. This bill is corrected now, and the dish is learnt"],
  sight_done: ["已更正并记住", "Corrected and learnt"],
  sight_done_only: ["已更正本单", "Corrected on this bill"],
  teach: ["教新菜", "Teach"],
  teach_hint: ["选菜名；台上只放这一份，换角度拍 3 到 10 张，再保存", "Choose a dish, put one portion alone on the counter, take 3 to 10 pictures from different sides, then keep them"],
  teach_take: ["拍一张（已拍 {n} 张）", "Take a picture ({n} so far)"],
  teach_keep: ["保存 {n} 张", "Keep {n} pictures"],
  teach_done: ["已学会，共认识 {n} 道菜", "Learnt; {n} dishes are known now"],
  hint_unknown_dish: ["有不认识的菜，请在“菜品确认”里点选", "A dish is not known: name it under Dishes"],
  hint_nothing_taught: ["还没有教过菜，请先在“教新菜”里拍照", "No dish was taught yet: start under Teach"],
  tray_empty_weigh: ["取餐后，每一份都会显示在这里", "Each serving appears here"],
  tray_empty_gate: ["入场价格按身份和餐次计算", "The price follows who you are and the meal"],
  tray_empty_pos: ["点的菜会显示在这里", "What is ordered appears here"],
  online: ["已联网", "Online"],
  offline: ["离线 自 {time} · {n} 条待上传", "Offline since {time} · {n} waiting"],
  syncing: ["{n} 条待上传", "{n} waiting"],
  language: ["English", "中文"],
  lost: ["屏幕与网关断开，正在重连", "The screen lost the gateway, reconnecting"],
  lost_hint: ["已付的款不受影响", "What was paid stands"],
  loading: ["正在连接", "Connecting"],
  by_phone: ["用手机号支付", "Pay by phone number"],
  phone: ["手机号", "Phone number"],
  pin: ["支付密码", "PIN"],
  next: ["下一步", "Next"],
  pay: ["支付", "Pay"],
  cancel: ["取消", "Cancel"],
  again: ["重新识别", "Read again"],
  state_paid: ["已付款", "Paid"],
  state_unknown: ["不认识", "Unknown"],
  last_charge: ["上一笔 {amount} · {person} · {time}，重启前已扣款；如有疑问请找工作人员", "Last charge {amount} · {person} · {time}, taken before a restart; ask the staff if in doubt"],
  // operator
  sign_in: ["登录", "Sign in"],
  sign_in_hint: ["选择姓名，输入密码；或刷工作卡", "Choose your name and enter the PIN, or tap your card"],
  sign_in_card: ["刷卡登录", "Tap card"],
  tap_now: ["请在读卡器上刷卡", "Tap a card on the reader now"],
  sign_out: ["退出", "Sign out"],
  no_operators: ["还没有下发操作员", "No operators have come down yet"],
  sales: ["最近交易", "Recent sales"],
  sales_empty: ["今天还没有交易；第一笔付款后显示在这里", "No sales yet; the first payment appears here"],
  choose_sale: ["点一笔交易，可退款或补打", "Choose a sale to refund or reprint"],
  refunded: ["已退 {amount}", "{amount} refunded"],
  whole_refunded: ["已全部退款", "Fully refunded"],
  not_shown: ["未显示", "Not shown"],
  reason: ["退款原因", "Reason"],
  reason_1: ["收错", "Wrong charge"],
  reason_2: ["菜品问题", "Food problem"],
  reason_4: ["其他", "Other"],
  refund: ["退款 {amount}", "Refund {amount}"],
  refund_choose: ["先选原因", "Choose a reason first"],
  all_items: ["全部", "All"],
  reprint: ["补打小票", "Reprint"],
  reprinted: ["已送打印，标记为副本", "Sent to the printer, marked as a copy"],
  refund_done: ["已退款 {amount}，原路退回", "{amount} went back to where it came from"],
  last_void: ["上一笔未显示：{amount} · {person}", "Last charge was not shown: {amount} · {person}"],
  void: ["撤销这笔", "Void it"],
  keep: ["顾客已取餐，保留", "Diner was served, keep it"],
  voided: ["已撤销 {amount}", "{amount} was voided"],
  cash: ["现金充值", "Cash top-up"],
  cash_hint: ["输入收到的现金，再请顾客刷卡", "Enter the cash taken, then the diner taps"],
  cash_start: ["收到 {amount}，请刷卡", "Took {amount}, tap card"],
  cash_done: ["{person} 充值 {amount}，本处可用 {balance}", "{person} +{amount}, {balance} to spend here"],
  cash_void: ["撤销这笔充值", "Void this top-up"],
  closing: ["日结", "Close day"],
  closing_hint: ["自上次日结以来", "Since the last closing"],
  settled: ["收款", "Taken"],
  refunds: ["退款", "Refunded"],
  cash_sum: ["现金充值", "Cash taken"],
  net: ["净额", "Net"],
  count: ["{n} 笔", "{n}"],
  counted: ["清点现金（可不填）", "Cash counted (optional)"],
  close_day: ["日结 {n} 笔 {amount}", "Close {n} sales, {amount}"],
  closed_1: ["平账", "Balanced"],
  closed_2: ["长款", "Over"],
  closed_3: ["短款", "Short"],
  closed_4: ["挂账，待查", "Carried, to be looked into"],
  agrees: ["本机与流水一致", "Till and records agree"],
  disagrees: ["本机与流水不一致，已记录", "Till and records differ, noted"],
  waiting_upload: ["{n} 条待上传，已保存在本机", "{n} records saved here, waiting to upload"],
  all_uploaded: ["全部已在云端", "Everything is in the cloud"],
  plates: ["餐盘", "Plates"],
  wash: ["餐盘已清洗", "Plates washed"],
  wash_hint: ["清除“已付款”标记，餐盘可再次结算", "Clears the paid marks so that plates can be billed again"],
  washed: ["{n} 个餐盘已清除标记", "{n} plates cleared"],
  hint_unknown_plate: ["不认识的餐盘 …{plate}，请取下或登记", "Unknown plate …{plate}: take it off or register it"],
  hint_price_missing: ["餐盘 …{plate} 的菜没有定价", "The dish of plate …{plate} has no price"],
  hint_unattributed: ["有人未刷卡取餐 {plate}", "Food taken with nobody bound: {plate}"],
  hint_certificate: ["秤的检定到期", "The scale's certificate has expired"],
  printer_waiting: ["{n} 张小票等待打印", "{n} receipts wait for the printer"],
  printer_paper_out: ["打印机缺纸", "Printer is out of paper"],
  printer_cover_open: ["打印机盖未合上", "Printer cover is open"],
  printer_printer_error: ["打印机故障", "Printer error"],
  printer_unavailable: ["打印机未连接", "Printer is away"],
  device_away: ["{device} 断开", "{device} is away"],
  till: ["收款", "Sell"],
  keypad: ["输金额", "Amount"],
  dishes: ["点菜", "Dishes"],
  charge: ["收款 {amount}", "Charge {amount}"],
  clear: ["清除", "Clear"],
  waiting_diner: ["等顾客刷卡 {amount}", "Waiting for the diner, {amount}"],
  gate: ["闸机", "Gate"],
  gate_hint: ["为已付款但没有通过的人开闸，不再扣款", "Opens for whoever paid and did not get through; nothing is charged"],
  open_gate: ["开闸放行", "Open the gate"],
  failed: ["没有办成，请再试一次", "That did not work, please try again"],
  no_lane: ["没有这个结算台", "There is no such lane"],
  no_lane_hint: ["请从列表选择", "Please choose from the list"],
  lanes: ["结算台", "Lanes"],
  diner_screen: ["顾客屏", "Diner"],
  operator_screen: ["操作屏", "Operator"],
  lanes_empty: ["这个网关还没有结算台，请在 edge.toml 里添加", "This gateway has no lanes yet; add them in edge.toml"],
};

const KEY = "qm-language";
const asked = new URLSearchParams(location.search).get("lang");
let language = asked ?? remembered() ?? (document.documentElement.lang === "en" ? "en" : "zh");

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function t(key, values = {}) {
  const text = (TEXTS[key] ?? [key, key])[language === "en" ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function has(key) {
  return key in TEXTS;
}

export function say(both) {
  return both ? (language === "en" ? both.en : both.zh) : "";
}

export function languageNow() {
  return language;
}

export function setLanguage(chosen, { keep = false } = {}) {
  language = chosen;
  document.documentElement.lang = chosen === "en" ? "en" : "zh-CN";
  if (keep) {
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // a browser that keeps nothing starts in Chinese
    }
  }
}
setLanguage(language);

import { lookUp, words, type Pair } from "@shared/i18n/locale";

export const t = words({
  title: ["结算记录", "Settlements"],
  everything: ["全部", "All"],
  proposals: ["建议退款", "Refunds proposed"],
  proposalsHint: ["同一个动态码在两处付过款：两笔都已入账，请核实后退一笔。", "One dynamic code paid twice: both are booked; look and refund one."],
  noProposals: ["没有建议退款", "Nothing to refund"],
  search: ["单号、姓名或工号", "Receipt, name or number"],
  at: ["时间", "Time"],
  receipt: ["单号", "Receipt"],
  lane: ["通道", "Lane"],
  person: ["人员", "Person"],
  amount: ["金额", "Amount"],
  refunded: ["已退", "Refunded"],
  period: ["餐别", "Meal"],
  credential: ["付款方式", "Paid by"],
  state: ["状态", "State"],
  entry: ["流水号", "Entry"],
  canteen: ["食堂", "Canteen"],
  day: ["日期", "Day"],
  empty: ["还没有结算", "No settlements yet"],
  emptyHint: ["通道结算后，记录在这里出现；离线通道的记录会在恢复后补上，时间仍是当时的时间。", "They appear once a lane settles; those made offline follow later under the time they happened."],
  nobody: ["散客", "Nobody"],
  lines: ["餐盘与菜品", "Plates and dishes"],
  dish: ["菜品", "Dish"],
  plate: ["餐盘芯片", "Plate chip"],
  quantity: ["数量", "Quantity"],
  unit: ["单价", "Unit price"],
  shares: ["由哪些账户付", "Paid from"],
  transfers: ["账本分录", "Ledger lines"],
  debit: ["借方", "Debit"],
  credit: ["贷方", "Credit"],
  kind: ["种类", "Kind"],
  refund: ["退款", "Refund"],
  refundSays: ["退 {amount} 以内，按付款的反向顺序退回原账户；已清算的账户随清算处理。", "Up to {amount}, back to the accounts it came from in reverse; a cleared account follows its clearing."],
  refundAmount: ["退款金额", "Amount"],
  refundReason: ["原因", "Reason"],
  refundDone: ["已退 {amount}", "{amount} refunded"],
  refunds: ["退款", "Refunds"],
  chain: ["流水链", "Journal chain"],
  chainSigned: ["已签名，检查点 {seq}", "Signed, checkpoint {seq}"],
  chainUnsigned: ["尚未签名", "Not signed yet"],
  chainHash: ["链上摘要", "Chain hash"],
  seq: ["序号", "Sequence"],
  sumAgrees: ["明细、付款与账本一致", "Lines, payment and ledger agree"],
  sumDiffers: ["合计不一致：明细 {lines}，付款 {shares}，账本 {ledger}", "Totals differ: lines {lines}, payment {shares}, ledger {ledger}"],
  gone: ["没有这笔结算", "There is no such settlement"],
  atSite: ["站点额度", "held at the site"],
  byKind: ["按餐具计价", "Priced by the plate"],
  gross: ["原价", "Before discount"],
  discount: ["优惠", "Discount"],
  fee: ["管理费", "Service fee"],
  total: ["合计", "Total"],
});

export const CREDENTIALS: Record<string, Pair> = {
  1: ["刷卡", "Card"],
  2: ["静态码", "Static code"],
  3: ["动态码", "Dynamic code"],
  4: ["手机号 + 密码", "Phone and PIN"],
  5: ["人脸", "Face"],
  6: ["掌静脉", "Palm"],
};

export const TRANSFERS: Record<string, Pair> = {
  1: ["充值", "Top-up"],
  2: ["补贴", "Subsidy"],
  3: ["额度下发", "Lease"],
  4: ["额度交回", "Lease back"],
  5: ["消费", "Spend"],
  6: ["退款", "Refund"],
  7: ["补贴清空", "Clearing"],
  8: ["收现金", "Cash"],
  9: ["现金撤销", "Cash void"],
  10: ["更正", "Correction"],
  11: ["存疑", "In doubt"],
  12: ["存疑释放", "Released"],
  13: ["账户对调", "True-up"],
  14: ["待核了结", "Settled"],
  15: ["提现", "Withdrawal"],
};

/** A receipt's number as it is printed: lane, business day, number of the day. */
export function receiptText(row: { lane_code: string; business_day: number; receipt_no: number }): string {
  return `${row.lane_code}-${row.business_day}-${String(row.receipt_no).padStart(4, "0")}`;
}

const OWNERS: Record<string, Pair> = {
  person: ["人员 {n}", "Person {n}"],
  stall: ["档口 {n}", "Stall {n}"],
  goodwill: ["优惠承担", "Goodwill"],
  in_doubt: ["存疑", "In doubt"],
  issuer: ["发放方", "Issuer"],
  cash_desk: ["现金收讫", "Cash desk"],
  exceptions: ["待核账目", "To review"],
  loss: ["损失承担", "Loss"],
  receivable: ["应收", "Receivable"],
};

/** "person:17 bucket:3 at:1/2" as a person says it, by the names that are known here. */
export function accountText(account: string, names: { people: Record<number, string>; buckets: Record<number, string> }): string {
  const parts = Object.fromEntries(account.split(" ").map((part) => part.split(":") as [string, string]));
  const [owner, id] = Object.entries(parts).find(([key]) => key in OWNERS) ?? ["", ""];
  const bucket = names.buckets[Number(parts["bucket"])];
  const who = owner === "person" ? names.people[Number(id)] : undefined;
  const said = [who ?? lookUp(OWNERS, owner).replace("{n}", id), owner === "person" ? bucket : undefined, parts["at"] ? t("atSite") : undefined];
  return said.filter(Boolean).join(" · ") || account;
}

/** The ledger lines that pay for a meal. */
export const SPEND_KIND = 5;

import { pick, type Pair } from "@shared/i18n/locale";

/** What a state asks of a person; the colour follows from it everywhere. */
export type Tone = "good" | "look" | "act" | "progress" | "off";

export interface StateWord {
  tone: Tone;
  text: Pair;
}

const state = (tone: Tone, zh: string, en: string): StateWord => ({ tone, text: [zh, en] });

/** Every state word of the console: one colour, one icon and one word each. */
export const STATES: Record<string, StateWord> = {
  online: state("good", "在线", "Online"),
  offline: state("look", "离线", "Offline"),
  never: state("off", "未接入", "Never seen"),
  revoked: state("act", "已吊销", "Revoked"),
  lost: state("act", "已报失", "Declared lost"),
  frozen: state("act", "已冻结", "Frozen"),
  sent: state("progress", "已发出", "Sent"),
  refused: state("look", "已拒付", "Refused"),
  undelivered: state("look", "未送达", "Not delivered"),
  replaced: state("off", "已更换", "Replaced"),
  open: state("good", "营业中", "Open"),
  idle: state("good", "空闲", "Idle"),
  ready: state("good", "就绪", "Ready"),
  reading: state("progress", "识别中", "Reading"),
  bill: state("progress", "待付款", "To pay"),
  paying: state("progress", "付款中", "Paying"),
  ask: state("look", "等人处理", "Asks for help"),
  down: state("act", "设备故障", "Device down"),
  busy: state("progress", "结算中", "Settling"),
  stale: state("look", "数据已旧", "Stale"),
  closed: state("off", "已停", "Closed"),
  fault: state("act", "故障", "Fault"),
  active: state("good", "正常", "Active"),
  joined: state("good", "在职", "Active"),
  on: state("good", "启用", "On"),
  off: state("off", "停用", "Off"),
  left: state("off", "已离职", "Left"),
  leaving: state("look", "离职结算中", "Leaving"),
  blocked: state("act", "已冻结", "Blocked"),
  expired: state("off", "已过期", "Expired"),
  settled: state("good", "已结算", "Settled"),
  paid: state("good", "已付款", "Paid"),
  posted: state("good", "已入账", "Posted"),
  part_refunded: state("look", "部分退款", "Partly refunded"),
  refunded: state("off", "已退款", "Refunded"),
  reversed: state("off", "已撤销", "Reversed"),
  voided: state("off", "已撤销", "Voided"),
  exception: state("look", "待核", "To review"),
  waiting: state("look", "待处理", "Waiting"),
  parked: state("off", "排队等待", "Parked"),
  mended: state("progress", "已修正", "Mended"),
  approved: state("progress", "已复核", "Approved"),
  replayed: state("good", "已重放", "Replayed"),
  done: state("good", "完成", "Done"),
  cleared: state("good", "已清", "Cleared"),
  swept: state("good", "已清", "Cleared"),
  running: state("progress", "进行中", "Running"),
  up: state("good", "畅通", "Up"),
  cut: state("act", "已断网", "Cut"),
  lossy: state("look", "丢应答", "Losing answers"),
  balanced: state("good", "平账", "Balanced"),
  over: state("look", "长款", "Over"),
  short: state("act", "短款", "Short"),
  carried: state("look", "挂账", "Carried over"),
  pending: state("look", "待生效", "Pending"),
  effective: state("good", "生效中", "In force"),
  past: state("off", "已过去", "Past"),
  spreading: state("progress", "下发中", "Spreading"),
  complete: state("good", "完整", "Complete"),
  incomplete: state("look", "未完整", "Incomplete"),
  failed: state("act", "失败", "Failed"),
};

/** The word of a state in the tongue chosen now. */
export function stateWord(name: string): string {
  const known = STATES[name];
  return known ? pick(known.text) : name;
}

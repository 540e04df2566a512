import { words } from "@shared/i18n/locale";

export const t = words({
  audit: ["操作审计", "Audit"],
  auditHint: ["每一次修改与敏感查看都在这里，按链相扣，改一处即断。", "Every change and sensitive read; each record seals the one before."],
  search: ["动作或对象，例如 person:17", "Action or target, such as person:17"],
  empty: ["还没有记录", "No records yet"],
  at: ["时间", "Time"],
  actor: ["操作人", "Who"],
  action: ["动作", "What"],
  target: ["对象", "On"],
  change: ["改动", "Change"],
  before: ["改动前", "Before"],
  after: ["改动后", "After"],
  hash: ["摘要", "Hash"],
  verify: ["校验整条链", "Verify the chain"],
  intact: ["{n} 条记录完整，未被改动", "{n} records intact"],
  broken: ["第 {n} 条起断开，请立即核查", "Broken at record {n}: look into it now"],
  user: ["用户 {n}", "User {n}"],
  system: ["系统", "The system"],
});


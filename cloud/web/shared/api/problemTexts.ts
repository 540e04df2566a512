import { locale } from "@shared/i18n/locale";
import type { FieldError, Problem } from "./problem";

/** What the server's codes say to a person; where a code is not here the server's own sentence is shown. */
const PROBLEMS: Record<string, string> = {
  unauthenticated: "请重新登录",
  wrong_password: "用户名或密码不对",
  locked: "密码错误次数太多，请稍后再试",
  forbidden: "您的角色不能做这件事，请联系管理员",
  not_found: "没有找到，可能已被删除",
  conflict: "与现有内容冲突，请刷新后再试",
  exists: "已经有一样的了",
  reference: "有别的内容依赖它，或它依赖的内容不在了",
  too_large: "内容太大",
  too_many: "操作太频繁，请稍后再试",
  unavailable: "服务正忙，请稍后再试",
  internal: "服务出错，已记录",
  malformed: "内容无法读取",
  invalid: "有几处需要改一下",
  idempotency_key_reused: "这个单号已用于另一笔，请关闭表单重新填写",
  needs_approval: "需要另一位同事复核",
  superseded: "已被更新的版本取代，请刷新",
  credential_taken: "这张卡已属于别人",
  person_number_taken: "工号已被使用",
  phone_taken: "手机号已被使用",
  person_left: "此人已离职",
  same_person: "需要另一个人复核，不能是修正者本人",
  site_has_gateway: "这个站点已有网关，请在原网关上选择“更换网关”",
  provisioning_code_refused: "接入码不对或已过期",
  refund_too_much: "退款超过这一笔还可退的金额",
  bucket_closed: "这个账户已清算，不能再用",
  not_enough: "余额不足",
  leases_wait: "有站点还没有交回额度，请稍后再试",
  not_waiting: "这一条已经处理过了",
  unknown_stream: "没有这条流水",
  face_consent_missing: "还没有取得本人同意，不能登记人脸",
  face_wording_old: "同意书内容已更新，请刷新后重新出示",
  face_networks_missing: "服务器上没有人脸识别网络。请管理员在服务器运行 python -m models fetch（离线时加 --from 目录），然后重试",
  face_desk_busy: "正在识别其他照片，请稍后再试",
  weak_password: "密码太弱",
  password_must_change: "请先修改密码",
};

const FIELDS: Record<string, string> = {
  missing: "必填",
  order: "结束要晚于开始",
  past: "不能早于现在：价格不能追溯",
  zero: "金额不能是 0",
  sum: "各部分相加要等于 1000‰",
  stall: "这个档口不属于所选食堂",
  no_phone: "此人没有登记手机号",
  time_zone: "没有这个时区",
  weak_password: "密码太弱，请换长一点、不常见的",
  exists: "已被使用",
  string_too_short: "太短了",
  string_too_long: "太长了",
  too_short: "至少要选一个",
  too_long: "太多了",
  string_pattern_mismatch: "格式不对",
  greater_than: "太小了",
  greater_than_equal: "太小了",
  less_than: "太大了",
  less_than_equal: "太大了",
  int_parsing: "请填写整数",
  date_parsing: "日期格式不对",
  date_from_datetime_parsing: "日期格式不对",
  datetime_parsing: "时间格式不对",
  literal_error: "请从列表中选择",
  extra_forbidden: "不认识这一项",
};

/** One sentence about why the server said no. */
export function problemText(problem: Problem): string {
  const own = problem.detail || problem.title;
  return locale.value === "en" ? own : (PROBLEMS[problem.code] ?? own);
}

/** What is wrong with one field. */
export function fieldText(error: FieldError): string {
  return locale.value === "en" ? error.detail : (FIELDS[error.code] ?? error.detail);
}


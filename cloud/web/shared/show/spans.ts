import { span } from "./format";
import { common } from "./words";

/** "1 小时 20 分", "12 分钟", "8 秒": how long something has lasted. */
export function spanText(fromIso: string, now: Date): string {
  const { hours, minutes, seconds } = span(now.getTime() - new Date(fromIso).getTime());
  if (hours) return common("hours", { h: hours, m: minutes });
  return minutes ? common("minutes", { m: minutes }) : common("seconds", { s: seconds });
}

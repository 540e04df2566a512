/** Numbers, money and instants as words; pure, so that tables and charts say the same. */

const DAY_MS = 86_400_000;
const MINUS = "−";

/** ¥1,234.50 from fen; `signed` puts a plus before gains. */
export function money(fen: number, signed = false): string {
  const sign = fen < 0 ? MINUS : signed && fen > 0 ? "+" : "";
  const whole = Math.abs(Math.trunc(fen));
  const yuan = Math.floor(whole / 100);
  return `${sign}¥${count(yuan)}.${String(whole % 100).padStart(2, "0")}`;
}

/** A short figure for axes: ¥1.2k is never shown, ¥1,200 is. */
export function moneyShort(fen: number): string {
  return `¥${count(Math.round(fen / 100))}`;
}

export function count(value: number): string {
  const text = String(Math.abs(Math.trunc(value))).replace(/\B(?=(\d{3})+$)/g, ",");
  return value < 0 ? MINUS + text : text;
}

/** Fen from what a person typed ("12.5", "¥1,200.00"); null where it is not an amount. */
export function parseMoney(text: string): number | null {
  const bare = text.replace(/[¥￥,\s]/g, "");
  const match = /^(-?)(\d{1,9})(?:\.(\d{1,2}))?$/.exec(bare);
  if (!match) return null;
  const fen = Number(match[2]) * 100 + Number((match[3] ?? "").padEnd(2, "0"));
  return match[1] ? -fen : fen;
}

/** "12.50" for a field that shows its unit apart. */
export function moneyField(fen: number | null | undefined): string {
  if (fen === null || fen === undefined) return "";
  return `${fen < 0 ? "-" : ""}${Math.floor(Math.abs(fen) / 100)}.${String(Math.abs(fen) % 100).padStart(2, "0")}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

export function dayOf(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function timeOf(at: Date, seconds = true): string {
  const text = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return seconds ? `${text}:${two(at.getSeconds())}` : text;
}

/** Local time; with the day when it is not today, with the year when it is not this year. */
export function instant(iso: string | null | undefined, now: Date, seconds = true): string {
  if (!iso) return "—";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  if (dayOf(at) === dayOf(now)) return timeOf(at, seconds);
  const day = at.getFullYear() === now.getFullYear() ? dayOf(at).slice(5) : dayOf(at);
  return `${day} ${timeOf(at, false)}`;
}

/** yyyymmdd whole numbers and ISO dates both become 2026-11-20. */
export function day(value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === "") return "—";
  const text = String(value);
  return /^\d{8}$/.test(text) ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text.slice(0, 10);
}

/** Whole days from now until an instant; negative when past. */
export function daysUntil(iso: string, now: Date): number {
  return Math.ceil((new Date(iso).getTime() - now.getTime()) / DAY_MS);
}

/** 1 h 20 min in parts; words are added by the caller's texts. */
export function span(ms: number): { hours: number; minutes: number; seconds: number } {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return { hours: Math.floor(seconds / 3600), minutes: Math.floor((seconds % 3600) / 60), seconds: seconds % 60 };
}

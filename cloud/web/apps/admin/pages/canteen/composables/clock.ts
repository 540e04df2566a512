const DAY_MINUTES = 24 * 60;

/** Minutes of a day as 10:45; past midnight wraps. */
export function clockOf(minute: number): string {
  const inDay = ((minute % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  return `${String(Math.floor(inDay / 60)).padStart(2, "0")}:${String(inDay % 60).padStart(2, "0")}`;
}

/** Minutes of a day from 10:45, or null. */
export function minuteOf(text: unknown): number | null {
  const match = /^([01]?\d|2[0-3])[:：]([0-5]\d)$/.exec(String(text ?? "").trim());
  return match ? Number(match[1]) * 60 + Number(match[2]) : null;
}

/** The end of a period that may cross midnight: always after its start. */
export function endAfter(start: number, end: number): number {
  return end <= start ? end + DAY_MINUTES : end;
}

export function crossesMidnight(end: number): boolean {
  return end > DAY_MINUTES;
}

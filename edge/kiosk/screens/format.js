// Money, counts and times as people read them.

export function money(fen) {
  const sign = fen < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(fen) / 100);
  const part = String(Math.abs(fen) % 100).padStart(2, "0");
  return `${sign}¥${whole.toLocaleString("en-US")}.${part}`;
}

export function amountOf(balance) {
  return balance.unit === "count" ? String(balance.amount_fen) : money(balance.amount_fen);
}

// Local time; with its date when that is not today.
export function clock(ms, now = Date.now()) {
  const at = new Date(ms);
  const time = `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
  if (new Date(now).toDateString() === at.toDateString()) return time;
  return `${at.getMonth() + 1}-${String(at.getDate()).padStart(2, "0")} ${time}`;
}

export function grams(weight) {
  return `${weight.toLocaleString("en-US")}\u2009g`;
}

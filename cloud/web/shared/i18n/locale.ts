import { ref } from "vue";

export type Locale = "zh-CN" | "en";
/** One text in both tongues, side by side so that neither can be forgotten. */
export type Pair = readonly [zh: string, en: string];
type Values = Record<string, string | number>;

const KEPT = "qm.locale";

function kept(): Locale {
  return typeof localStorage !== "undefined" && localStorage.getItem(KEPT) === "en" ? "en" : "zh-CN";
}

export const locale = ref<Locale>(kept());

export function setLocale(to: Locale): void {
  locale.value = to;
  localStorage.setItem(KEPT, to);
  document.documentElement.lang = to;
}

/** Answers `t(key, values)` over a file of texts; `{name}` in a text is replaced. */
export function words<K extends string>(texts: Record<K, Pair>): (key: K, values?: Values) => string {
  return (key, values) => fill(pick(texts[key]), values);
}

/** The text of a pair in the tongue chosen now. */
export function pick(pair: Pair): string {
  return locale.value === "en" ? pair[1] : pair[0];
}

/** Looks a server's word up in a file of texts; an unknown word is shown as it came. */
export function lookUp(texts: Record<string, Pair>, key: string | number | null | undefined): string {
  const pair = key ? texts[key] : undefined;
  return pair ? pick(pair) : String(key ?? "—");
}

/** The name of a thing that carries both tongues. */
export function nameOf(thing: { name_zh?: string | null; name_en?: string | null } | null | undefined): string {
  if (!thing) return "—";
  const [first, second] = locale.value === "en" ? [thing.name_en, thing.name_zh] : [thing.name_zh, thing.name_en];
  return first || second || "—";
}

function fill(text: string, values?: Values): string {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, key: string) => (key in values ? String(values[key]) : whole));
}

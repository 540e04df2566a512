import { moneyField, parseMoney } from "@shared/show/format";
import { common } from "@shared/show/words";

export type FieldKind =
  | "text"
  | "password"
  | "money"
  | "number"
  | "select"
  | "date"
  | "month"
  | "instant"
  | "time"
  | "long"
  | "json"
  | "switch";

export interface Field {
  name: string;
  label: string;
  kind: FieldKind;
  unit?: string;
  hint?: string;
  placeholder?: string;
  required?: boolean;
  disabled?: boolean;
  options?: { value: string | number; label: string }[];
  multiple?: boolean;
  /** Rows of a `long` or `json` field. */
  rows?: number;
  autocomplete?: string;
}

/** What the person typed, as typed: texts stay texts until they are sent. */
export type Draft = Record<string, unknown>;
export type FieldErrors = Record<string, string>;

export function draftOf(fields: Field[], start: Record<string, unknown> = {}): Draft {
  const draft: Draft = {};
  for (const field of fields) draft[field.name] = typed(field, start[field.name]);
  return draft;
}

function typed(field: Field, value: unknown): unknown {
  if (field.kind === "money") return typeof value === "number" ? moneyField(value) : (value ?? "");
  if (field.kind === "json") return value === undefined || value === null ? "" : JSON.stringify(value, null, 2);
  if (field.kind === "switch") return Boolean(value);
  if (field.multiple) return Array.isArray(value) ? value : [];
  return value ?? "";
}

/** The values to send, or the errors in words by field. What was left blank is not sent, unless it had a value before. */
export function read(fields: Field[], draft: Draft, start: Record<string, unknown> = {}): { values: Record<string, unknown>; errors: FieldErrors } {
  const values: Record<string, unknown> = {};
  const errors: FieldErrors = {};
  for (const field of fields) {
    if (field.disabled) continue;
    const raw = draft[field.name];
    if (isBlank(raw)) {
      if (field.required) errors[field.name] = common("required", { label: field.label });
      else if (!isBlank(start[field.name])) values[field.name] = BLANK[field.kind] ?? (field.multiple ? [] : null);
      continue;
    }
    const outcome = READ[field.kind](raw);
    if ("error" in outcome) errors[field.name] = outcome.error;
    else values[field.name] = outcome.value;
  }
  return { values, errors };
}

type Outcome = { value: unknown } | { error: string };

function same(raw: unknown): Outcome {
  return { value: typeof raw === "string" ? raw.trim() : raw };
}

function readMoney(raw: unknown): Outcome {
  const fen = parseMoney(String(raw));
  return fen === null ? { error: common("notMoney") } : { value: fen };
}

function readNumber(raw: unknown): Outcome {
  const text = String(raw).trim();
  return /^-?\d+$/.test(text) ? { value: Number(text) } : { error: common("notWhole") };
}

function readJson(raw: unknown): Outcome {
  try {
    return { value: JSON.parse(String(raw)) as unknown };
  } catch (error) {
    return { error: common("notJson", { detail: (error as Error).message }) };
  }
}

function readInstant(raw: unknown): Outcome {
  const at = raw instanceof Date ? raw : new Date(String(raw));
  return { value: at.toISOString() };
}

const READ: Record<FieldKind, (raw: unknown) => Outcome> = {
  text: same,
  password: (raw) => ({ value: raw }),
  money: readMoney,
  number: readNumber,
  select: same,
  date: same,
  month: same,
  instant: readInstant,
  time: same,
  long: same,
  json: readJson,
  switch: (raw) => ({ value: Boolean(raw) }),
};

/** What an emptied field says; null where not named. */
const BLANK: Partial<Record<FieldKind, unknown>> = { text: "", long: "" };

function isBlank(raw: unknown): boolean {
  return raw === undefined || raw === null || raw === "" || (Array.isArray(raw) && raw.length === 0);
}

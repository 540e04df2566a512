import { ref, watch, type Ref } from "vue";

export interface Column<T> {
  key: string;
  label: string;
  /** What is shown where no slot `cell-<key>` is given. */
  value?: (row: T) => unknown;
  kind?: "text" | "money" | "signed" | "count" | "instant" | "day" | "code" | "state";
  width?: number;
  /** Hidden until chosen. */
  extra?: boolean;
  /** Where it stands in a row of a phone's list; columns without it are left out there. */
  phone?: "title" | "end" | "meta";
}

const ENDS = new Set(["money", "signed", "count"]);

export function isAtEnd(column: { kind?: string }): boolean {
  return ENDS.has(column.kind ?? "text");
}

/** The chosen columns of one table, kept for next time. */
export function useChosen<T>(name: string, columns: () => Column<T>[]): Ref<string[]> {
  const kept = `qm.columns.${name}`;
  const chosen = ref<string[]>(read(kept) ?? columns().filter((c) => !c.extra).map((c) => c.key));
  watch(chosen, (keys) => localStorage.setItem(kept, JSON.stringify(keys)));
  return chosen;
}

function read(kept: string): string[] | null {
  try {
    const keys: unknown = JSON.parse(localStorage.getItem(kept) ?? "null");
    return Array.isArray(keys) && keys.every((key) => typeof key === "string") ? keys : null;
  } catch {
    return null;
  }
}

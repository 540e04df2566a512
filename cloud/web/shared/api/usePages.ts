import { computed, onScopeDispose, reactive, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from "vue";
import { get, type Query } from "./client";
import type { Page } from "./types";
import { troubleOf, type Trouble } from "./useLoad";

export interface Pages<T> {
  rows: ShallowRef<T[]>;
  loaded: Ref<boolean>;
  slow: Ref<boolean>;
  trouble: Ref<Trouble | null>;
  number: ComputedRef<number>;
  hasNext: ComputedRef<boolean>;
  hasPrevious: ComputedRef<boolean>;
  filters: Query;
  isFiltered: ComputedRef<boolean>;
  load: () => Promise<void>;
  first: () => Promise<void>;
  next: () => Promise<void>;
  previous: () => Promise<void>;
  clearFilters: () => void;
  filter: (name: string, value: Query[string]) => void;
}

const SLOW_MS = 300;
const PAGE_ROWS = 50;

/** A list by keyset: one page in memory, a trail of cursors to go back by. */
export function usePages<T>(path: string | (() => string), filters: Query = {}, limit = PAGE_ROWS): Pages<T> {
  const given = reactive({ ...filters }) as Query;
  const rows = shallowRef<T[]>([]);
  const loaded = ref(false);
  const slow = ref(false);
  const trouble = ref<Trouble | null>(null);
  const trail = ref<(string | null)[]>([null]);
  const nextCursor = ref<string | null>(null);
  let asking: AbortController | null = null;

  async function ask(cursors: (string | null)[]): Promise<void> {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    const timer = setTimeout(() => (slow.value = true), SLOW_MS);
    try {
      const where = typeof path === "string" ? path : path();
      const page = await get<Page<T> | T[]>(where, { ...given, cursor: cursors.at(-1), limit }, mine.signal);
      rows.value = Array.isArray(page) ? page : page.items;
      nextCursor.value = Array.isArray(page) ? null : (page.next_cursor ?? null);
      trail.value = cursors;
      trouble.value = null;
      loaded.value = true;
    } catch (error) {
      if (!mine.signal.aborted) trouble.value = troubleOf(error);
    } finally {
      clearTimeout(timer);
      if (asking === mine) slow.value = false;
    }
  }

  onScopeDispose(() => asking?.abort());
  return {
    rows,
    loaded,
    slow,
    trouble,
    filters: given,
    number: computed(() => trail.value.length),
    hasNext: computed(() => nextCursor.value !== null),
    hasPrevious: computed(() => trail.value.length > 1),
    isFiltered: computed(() => Object.entries(given).some(([key, value]) => Boolean(value) && value !== filters[key])),
    load: () => ask(trail.value),
    first: () => ask([null]),
    next: async () => {
      if (nextCursor.value !== null) await ask([...trail.value, nextCursor.value]);
    },
    previous: async () => {
      if (trail.value.length > 1) await ask(trail.value.slice(0, -1));
    },
    filter: (name, value) => (given[name] = value),
    clearFilters: () => {
      for (const key of Object.keys(given)) given[key] = filters[key] ?? undefined;
    },
  };
}

/** Every row of a short list (groups, sites, buckets), following its pages up to a bound. */
export async function getAll<T>(path: string, query: Query = {}, bound = 20): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null = null;
  for (let turn = 0; turn < bound; turn += 1) {
    const page: Page<T> = await get<Page<T>>(path, { ...query, cursor, limit: 200 });
    rows.push(...page.items);
    cursor = page.next_cursor ?? null;
    if (!cursor) break;
  }
  return rows;
}

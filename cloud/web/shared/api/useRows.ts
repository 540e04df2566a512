import { computed, reactive, ref, type ShallowRef } from "vue";
import type { Pages } from "./usePages";
import type { Trouble } from "./useLoad";

const nothing = async (): Promise<void> => undefined;

/** Rows that are already here, in the shape the one table takes. */
export function useRows<T>(rows: () => T[] | null | undefined): Pages<T> {
  return {
    rows: computed(() => rows() ?? []) as unknown as ShallowRef<T[]>,
    loaded: computed(() => Array.isArray(rows())) as unknown as Pages<T>["loaded"],
    slow: ref(false),
    trouble: ref<Trouble | null>(null),
    number: computed(() => 1),
    hasNext: computed(() => false),
    hasPrevious: computed(() => false),
    filters: reactive({}),
    isFiltered: computed(() => false),
    load: nothing,
    first: nothing,
    next: nothing,
    previous: nothing,
    clearFilters: () => undefined,
    filter: () => undefined,
  };
}

import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { Problem, Unreachable } from "./problem";

export type Trouble = { kind: "offline" } | { kind: "refused"; problem: Problem };

export interface Loaded<T> {
  value: ShallowRef<T | null>;
  trouble: Ref<Trouble | null>;
  /** True only after 300 ms, so that quick answers never flash. */
  slow: Ref<boolean>;
  loadedAt: Ref<Date | null>;
  load: () => Promise<void>;
}

const SLOW_MS = 300;

export function troubleOf(error: unknown): Trouble {
  if (error instanceof Problem) return { kind: "refused", problem: error };
  if (error instanceof Unreachable) return { kind: "offline" };
  throw error;
}

/** Loads one thing; what was shown stays while it is asked again or cannot be reached. */
export function useLoad<T>(ask: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const value = shallowRef<T | null>(null);
  const trouble = ref<Trouble | null>(null);
  const slow = ref(false);
  const loadedAt = ref<Date | null>(null);
  let asking: AbortController | null = null;

  async function load(): Promise<void> {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    const timer = setTimeout(() => (slow.value = value.value === null), SLOW_MS);
    try {
      value.value = await ask(mine.signal);
      trouble.value = null;
      loadedAt.value = new Date();
    } catch (error) {
      if (!mine.signal.aborted) trouble.value = troubleOf(error);
    } finally {
      clearTimeout(timer);
      if (asking === mine) slow.value = false;
    }
  }

  onScopeDispose(() => asking?.abort());
  return { value, trouble, slow, loadedAt, load };
}

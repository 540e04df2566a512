import { onScopeDispose, readonly, ref, type Ref } from "vue";

/** A clock that ticks for the page: "offline for 12 min" grows by itself. */
export function useNow(everyMs = 1_000): Readonly<Ref<Date>> {
  const now = ref(new Date());
  const timer = setInterval(() => (now.value = new Date()), everyMs);
  onScopeDispose(() => clearInterval(timer));
  return readonly(now) as Readonly<Ref<Date>>;
}

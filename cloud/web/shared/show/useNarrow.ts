import { onScopeDispose, ref, type Ref } from "vue";

/** Whether the screen is a phone's: tables become lists, side panels fill it. */
export function useNarrow(query = "(max-width: 719px)"): Ref<boolean> {
  const media = window.matchMedia(query);
  const narrow = ref(media.matches);
  const follow = (): void => void (narrow.value = media.matches);
  media.addEventListener("change", follow);
  onScopeDispose(() => media.removeEventListener("change", follow));
  return narrow;
}

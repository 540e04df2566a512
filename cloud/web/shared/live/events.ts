import { onScopeDispose, readonly, ref } from "vue";

/** One stream of server-sent events shared by every page that is open. */
export type Topic = "settlement" | "gateway" | "quarantine" | "price" | "demo";

const TOPICS: Topic[] = ["settlement", "gateway", "quarantine", "price", "demo"];
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;

type Listener = (data: Record<string, unknown>) => void;

const listeners = new Map<Topic, Set<Listener>>();
const lostSince = ref<string | null>(null);
const wakers = new Set<() => void>();
let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | undefined;
let retryMs = FIRST_RETRY_MS;

/** When the live stream was lost, or null while it is held. */
export const liveLostSince = readonly(lostSince);

export function openLive(): void {
  if (source) return;
  source = new EventSource("/api/v1/events");
  source.onopen = () => {
    const wasLost = lostSince.value !== null;
    lostSince.value = null;
    retryMs = FIRST_RETRY_MS;
    if (wasLost) wakers.forEach((wake) => wake());
  };
  source.onerror = () => {
    lostSince.value ??= new Date().toISOString();
    if (source?.readyState === EventSource.CLOSED) again();
  };
  for (const topic of TOPICS) source.addEventListener(topic, (event) => tell(topic, event as MessageEvent<string>));
}

export function closeLive(): void {
  clearTimeout(retry);
  source?.close();
  source = null;
  lostSince.value = null;
}

/** Calls `act` at most once every `every_ms` after news of these topics, and once when the stream comes back. */
export function useLive(topics: Topic[], act: () => unknown, everyMs = 1_000): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  const due = (): void => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      last = Date.now();
      void act();
    }, Math.max(0, everyMs - (Date.now() - last)));
  };
  for (const topic of topics) of(topic).add(due);
  wakers.add(due);
  onScopeDispose(() => {
    clearTimeout(timer);
    for (const topic of topics) of(topic).delete(due);
    wakers.delete(due);
  });
}

function again(): void {
  source?.close();
  source = null;
  clearTimeout(retry);
  retry = setTimeout(openLive, retryMs);
  retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
}

function of(topic: Topic): Set<Listener> {
  const found = listeners.get(topic) ?? new Set<Listener>();
  listeners.set(topic, found);
  return found;
}

function tell(topic: Topic, event: MessageEvent<string>): void {
  let data: Record<string, unknown> = {};
  try {
    data = JSON.parse(event.data) as Record<string, unknown>;
  } catch {
    // News without readable ids is still news: listeners ask the server again.
  }
  of(topic).forEach((listen) => listen(data));
}

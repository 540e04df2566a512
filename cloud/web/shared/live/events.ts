import { onScopeDispose, readonly, ref } from "vue";

/** What a page wants to hear of: the beginning of a topic (`canteen.`, `devices.`, `demo.`). */
export type Topic = string;

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;
const SILENCE_MS = 10_000;

type Listener = () => void;

const listeners = new Map<Topic, Set<Listener>>();
const lostSince = ref<string | null>(null);
let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | undefined;
let retryMs = FIRST_RETRY_MS;

/** When the live stream was lost, or null while it is held. */
export const liveLostSince = readonly(lostSince);

/** Opens the one stream of server-sent events that every page shares. */
export function openLive(): void {
  if (source) return;
  source = new EventSource("/api/v1/events");
  source.onopen = () => {
    retryMs = FIRST_RETRY_MS;
    if (lostSince.value !== null) tellAll();
    lostSince.value = null;
  };
  source.onerror = () => {
    lostSince.value ??= new Date().toISOString();
    if (source?.readyState === EventSource.CLOSED) again();
  };
  source.addEventListener("news", (event) => tell((event as MessageEvent<string>).data));
  source.addEventListener("reset", tellAll);
}

export function closeLive(): void {
  clearTimeout(retry);
  source?.close();
  source = null;
  lostSince.value = null;
}

/** Calls `act` at most once every `everyMs` after news of these topics, when the stream comes back, and now and then in silence. */
export function useLive(topics: Topic[], act: () => unknown, everyMs = 1_000): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  const due = (): void => {
    if (timer) return;
    const run = (): void => {
      timer = undefined;
      last = Date.now();
      void act();
    };
    timer = setTimeout(run, Math.max(0, everyMs - (Date.now() - last)));
  };
  for (const topic of topics) of(topic).add(due);
  // Silence is news as well: a gateway that went away tells nobody.
  const silence = setInterval(() => document.visibilityState === "visible" && due(), SILENCE_MS);
  onScopeDispose(() => {
    clearTimeout(timer);
    clearInterval(silence);
    for (const topic of topics) of(topic).delete(due);
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

function tellAll(): void {
  for (const each of listeners.values()) each.forEach((listen) => listen());
}

function tell(data: string): void {
  const topic = topicOf(data);
  for (const [wanted, each] of listeners) if (topic.startsWith(wanted)) each.forEach((listen) => listen());
}

/** News that cannot be read is still news: the empty topic wakes only who wants all. */
export function topicOf(data: string): string {
  try {
    const news = JSON.parse(data) as { topic?: unknown };
    return typeof news.topic === "string" ? news.topic : "";
  } catch {
    return "";
  }
}

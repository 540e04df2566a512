import { onScopeDispose, ref, type Ref } from "vue";
import { get, post } from "@shared/api/client";
import type { DemoState } from "@shared/api/types";
import { useLoad, type Loaded } from "@shared/api/useLoad";
import { useLive } from "@shared/live/events";
import { attempt } from "@shared/show/said";

export type DemoAct = "cut" | "heal" | "kill" | "lose_answers" | "keep_answers" | "double" | "delay";

export interface Sample {
  at: Date;
  waiting_fen: number;
}

export interface Done {
  at: Date;
  gateway: string;
  act: DemoAct;
}

const POLL_MS = 1_000;
const SAMPLES_MOST = 240;
const LOG_MOST = 30;

/** The state of the demonstration, once a second while the page is open, with what was waiting over time. */
export function useDemo(): {
  demo: Loaded<DemoState>;
  samples: Ref<Sample[]>;
  log: Ref<Done[]>;
  act: (act: DemoAct, gateways: string[]) => Promise<void>;
} {
  const samples = ref<Sample[]>([]);
  const log = ref<Done[]>([]);
  const demo = useLoad(async (signal) => {
    const state = await get<DemoState>("/demo/state", undefined, signal);
    samples.value = [...samples.value, { at: new Date(), waiting_fen: state.waiting_fen }].slice(-SAMPLES_MOST);
    return state;
  });

  async function act(act: DemoAct, gateways: string[]): Promise<void> {
    for (const gateway of gateways) {
      log.value = [{ at: new Date(), gateway, act }, ...log.value].slice(0, LOG_MOST);
      await attempt(() => post("/demo/actions", { action: act, gateway }, crypto.randomUUID()));
    }
    await demo.load();
  }

  // The state includes what gateways say on their own, of which no news comes while the network is cut.
  const timer = setInterval(() => void demo.load(), POLL_MS);
  onScopeDispose(() => clearInterval(timer));
  useLive(["demo."], demo.load, POLL_MS);
  void demo.load();
  return { demo, samples, log, act };
}

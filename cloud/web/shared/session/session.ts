import { readonly, shallowRef } from "vue";
import { get, post, remove } from "@shared/api/client";
import { Problem } from "@shared/api/problem";
import type { Session } from "@shared/api/types";
import { closeLive, openLive } from "@shared/live/events";

const held = shallowRef<Session | null>(null);

/** Who is signed in, or null. */
export const session = readonly(held) as Readonly<typeof held>;

export async function signIn(username: string, password: string): Promise<void> {
  held.value = await post<Session>("/identity/session", { username, password });
  openLive();
}

/** Takes up the session that the browser still holds; false where there is none. */
export async function resume(): Promise<boolean> {
  if (held.value) return true;
  try {
    held.value = await get<Session>("/identity/session");
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return false;
    throw error;
  }
  openLive();
  return true;
}

export async function signOut(): Promise<void> {
  await remove("/identity/session").catch(() => undefined);
  forget();
}

export function forget(): void {
  held.value = null;
  closeLive();
}

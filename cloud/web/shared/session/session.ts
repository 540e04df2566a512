import { readonly, shallowRef } from "vue";
import { get, post, remove, send } from "@shared/api/client";
import { Problem } from "@shared/api/problem";
import type { Session } from "@shared/api/types";
import { closeLive, openLive } from "@shared/live/events";

const held = shallowRef<Session | null>(null);

/** Who is signed in, or null. */
export const session = readonly(held) as Readonly<typeof held>;

/** Signs in; answers whether a new password must be chosen before anything else. */
export async function signIn(login: string, password: string): Promise<boolean> {
  const answer = await post<Session>("/identity/session", { login, password });
  if (answer.must_change_password) return true;
  held.value = answer;
  openLive();
  return false;
}

export async function choosePassword(old_password: string, new_password: string): Promise<void> {
  await send("PUT", "/identity/session/password", { body: { old_password, new_password } });
  await resume();
}

/** Whether the person signed in may do this; pages disable what may not be done and say why. */
export function may(right: string): boolean {
  return held.value?.rights.includes(right) ?? false;
}

/** Takes up the session that the browser still holds; false where there is none. */
export async function resume(): Promise<boolean> {
  if (held.value) return true;
  try {
    const answer = await get<Session>("/identity/session");
    if (answer.must_change_password) return false;
    held.value = answer;
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

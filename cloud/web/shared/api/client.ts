import { problemOf, Unreachable } from "./problem";

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface Call {
  query?: Query;
  body?: unknown;
  /** Idempotency-Key of a call that moves value: the same for every try of one intent. */
  key?: string;
  signal?: AbortSignal;
}

const ROOT = "/api/v1";
const TIMEOUT_MS = 20_000;

let signedOut: () => void = () => undefined;

/** What to do when the server no longer knows this session. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return await send<T>("GET", path, { query, signal });
}

export async function post<T>(path: string, body?: unknown, key?: string): Promise<T> {
  return await send<T>("POST", path, { body, key });
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  return await send<T>("PATCH", path, { body });
}

export async function remove(path: string): Promise<void> {
  await send<unknown>("DELETE", path, {});
}

export async function send<T>(method: string, path: string, call: Call): Promise<T> {
  const answer = await reach(method, path, call);
  if (!answer.ok) {
    const problem = await problemOf(answer);
    if (problem.status === 401 && !path.startsWith("/identity/session")) signedOut();
    throw problem;
  }
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

async function reach(method: string, path: string, call: Call): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") headers["X-Quartermaster"] = "1";
  if (call.key) headers["Idempotency-Key"] = call.key;
  const isFile = call.body instanceof FormData;
  if (call.body !== undefined && !isFile) headers["content-type"] = "application/json";
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(ROOT + path + queryOf(call.query), {
      method,
      headers,
      credentials: "same-origin",
      body: call.body === undefined ? undefined : isFile ? (call.body as FormData) : JSON.stringify(call.body),
      signal: call.signal ? AbortSignal.any([call.signal, limit]) : limit,
    });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    throw new Unreachable("no answer", { cause: error });
  }
}

export function queryOf(query: Query | undefined): string {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") given.set(key, String(value));
  }
  const text = given.toString();
  return text ? `?${text}` : "";
}

import { afterEach, describe, expect, it, vi } from "vitest";
import { get, onSignedOut, post, queryOf } from "../shared/api/client";
import { Problem, Unreachable } from "../shared/api/problem";
import { fieldText, problemText } from "../shared/api/problemTexts";
import { topicOf } from "../shared/live/events";

function answers(status: number, body: unknown): ReturnType<typeof vi.fn> {
  const fetched = vi.fn(async () => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

afterEach(() => vi.unstubAllGlobals());

describe("a call", () => {
  it("carries the guard header and the key of the intent", async () => {
    const fetched = answers(200, {});
    await post("/payments/top-ups", { amount_fen: 1 }, "key-1");
    const headers = (fetched.mock.calls[0]?.[1] as RequestInit).headers as Record<string, string>;
    expect(headers["X-Quartermaster"]).toBe("1");
    expect(headers["Idempotency-Key"]).toBe("key-1");
  });

  it("turns problem details into fields", async () => {
    answers(422, { title: "no", code: "invalid", errors: [{ field: "amount_fen", code: "zero", detail: "moves something" }] });
    const error = await post("/x").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Problem);
    expect((error as Problem).errors[0]?.field).toBe("amount_fen");
    expect(problemText(error as Problem)).toBe("有几处需要改一下");
    expect(fieldText((error as Problem).errors[0] as never)).toBe("金额不能是 0");
  });

  it("knows silence from a refusal", async () => {
    vi.stubGlobal("fetch", vi.fn(async () => Promise.reject(new TypeError("network"))));
    await expect(get("/x")).rejects.toBeInstanceOf(Unreachable);
  });

  it("tells the page when the session has ended", async () => {
    const told = vi.fn();
    onSignedOut(told);
    answers(401, { code: "unauthenticated" });
    await get("/x").catch(() => undefined);
    expect(told).toHaveBeenCalledOnce();
  });
});

it("leaves empty filters out of the address", () => {
  expect(queryOf({ search: "", lane_id: 3, day: null, cursor: undefined })).toBe("?lane_id=3");
});

it("reads the topic of news and takes anything else as none", () => {
  expect(topicOf('{"topic":"canteen.settled"}')).toBe("canteen.settled");
  expect(topicOf("not json")).toBe("");
});

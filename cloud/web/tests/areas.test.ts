import { describe, expect, it } from "vitest";
import { clockOf, crossesMidnight, endAfter, minuteOf } from "../apps/admin/pages/canteen/composables/clock";
import { peakOf, sideBySide } from "../apps/admin/pages/canteen/composables/minutes";
import { readUids } from "../apps/admin/pages/canteen/composables/uids";
import { changesOf } from "../apps/admin/pages/devices/composables/changes";

describe("minutes of the day", () => {
  const minutes = [
    { at: "2026-11-20T04:00:10Z", count: 3, amount_fen: 300 },
    { at: "2026-11-20T04:03:00Z", count: 9, amount_fen: 900 },
  ];

  it("leaves a gap where no minute was reported", () => {
    const shown = sideBySide(minutes).map((each) => each.minute?.count ?? null);
    expect(shown.slice(-4)).toEqual([3, null, null, 9]);
    expect(shown).toHaveLength(45);
  });

  it("names the peak", () => {
    expect(peakOf(minutes)?.count).toBe(9);
    expect(peakOf([])).toBeNull();
  });
});

describe("chip numbers", () => {
  it("merges repeats and names the first line that is none", () => {
    expect(readUids("e0040150003a0025\nE0040150003A0025, E0040150003A004A").uids).toEqual(["E0040150003A0025", "E0040150003A004A"]);
    expect(readUids("E0040150003A0025\n盘子").bad).toEqual({ row: 2, text: "盘子" });
  });
});

describe("meal periods", () => {
  it("may cross midnight", () => {
    const end = endAfter(minuteOf("21:30") ?? 0, minuteOf("01:00") ?? 0);
    expect(clockOf(end)).toBe("01:00");
    expect(crossesMidnight(end)).toBe(true);
    expect(minuteOf("24:00")).toBeNull();
  });
});

it("tells what a mend changes, by path", () => {
  const from = { person: 1, shares: [{ bucket: 99, amount_fen: 5 }] };
  const to = { person: 1, shares: [{ bucket: 1, amount_fen: 5 }] };
  expect(changesOf(from, to)).toEqual([{ path: "shares.0.bucket", from: 99, to: 1 }]);
});

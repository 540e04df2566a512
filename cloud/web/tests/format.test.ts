import { describe, expect, it } from "vitest";
import { count, day, instant, money, moneyField, parseMoney } from "../shared/show/format";

describe("money", () => {
  it("groups thousands and always shows two places", () => {
    expect(money(0)).toBe("¥0.00");
    expect(money(123456789)).toBe("¥1,234,567.89");
    expect(money(-1550)).toBe("−¥15.50");
    expect(money(1550, true)).toBe("+¥15.50");
  });

  it("reads back what a person types, and only amounts", () => {
    expect(parseMoney("12.5")).toBe(1250);
    expect(parseMoney("¥1,200.00")).toBe(120000);
    expect(parseMoney("-3")).toBe(-300);
    for (const wrong of ["", "12.345", "十元", "1e3", "."]) expect(parseMoney(wrong)).toBeNull();
  });

  it("is the same after a round through a field", () => {
    for (const fen of [0, 1, 99, 100, 123456, -250]) expect(parseMoney(moneyField(fen))).toBe(fen);
  });
});

describe("instants", () => {
  const now = new Date(2026, 10, 20, 12, 0, 0);

  it("shows the time today, the day before that, the year before this", () => {
    expect(instant(new Date(2026, 10, 20, 9, 5, 7).toISOString(), now)).toBe("09:05:07");
    expect(instant(new Date(2026, 10, 19, 9, 5, 7).toISOString(), now)).toBe("11-19 09:05");
    expect(instant(new Date(2025, 10, 19, 9, 5, 7).toISOString(), now)).toBe("2025-11-19 09:05");
    expect(instant(null, now)).toBe("—");
  });

  it("takes days as numbers or dates", () => {
    expect(day(20261120)).toBe("2026-11-20");
    expect(day("2026-11-20")).toBe("2026-11-20");
    expect(day(null)).toBe("—");
  });
});

it("groups counts", () => {
  expect([0, 999, 1000, 1234567, -1500].map(count)).toEqual(["0", "999", "1,000", "1,234,567", "−1,500"]);
});

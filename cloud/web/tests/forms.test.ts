import { describe, expect, it } from "vitest";
import { draftOf, read, type Field } from "../shared/form/fields";

const fields: Field[] = [
  { name: "name", label: "名称", kind: "text", required: true },
  { name: "amount_fen", label: "金额", kind: "money", required: true },
  { name: "note", label: "备注", kind: "text" },
  { name: "valid_until", label: "截止日", kind: "date" },
  { name: "groups", label: "组", kind: "select", multiple: true },
  { name: "payload", label: "内容", kind: "json" },
];

describe("a form", () => {
  it("says in words what is needed", () => {
    const { errors } = read(fields, draftOf(fields));
    expect(errors).toEqual({ name: "请填写名称", amount_fen: "请填写金额" });
  });

  it("sends money as fen and leaves out what was left blank", () => {
    const draft = { ...draftOf(fields), name: " 午餐 ", amount_fen: "12.5" };
    expect(read(fields, draft)).toEqual({ values: { name: "午餐", amount_fen: 1250 }, errors: {} });
  });

  it("says that a value was emptied, but only where there was one", () => {
    const start = { name: "午餐", amount_fen: 100, note: "旧", valid_until: "2026-12-31", groups: [1] };
    const draft = { ...draftOf(fields, start), note: "", valid_until: "", groups: [] };
    expect(read(fields, draft, start).values).toEqual({ name: "午餐", amount_fen: 100, note: "", valid_until: null, groups: [] });
  });

  it("keeps text that is no JSON and says where it breaks", () => {
    const { errors } = read(fields, { ...draftOf(fields), name: "a", amount_fen: "1", payload: "{" });
    expect(errors["payload"]).toContain("JSON");
  });
});

import { onMounted, ref, type Ref } from "vue";
import { getAll } from "@shared/api/usePages";
import type { Canteen, Group, Period } from "@shared/api/types";
import type { Field } from "@shared/form/fields";
import { nameOf, pick, type Pair } from "@shared/i18n/locale";
import { LANE_KINDS, t } from "../bookTexts";
import { KINDS } from "../texts";

interface Lists {
  canteens: Canteen[];
  periods: Period[];
  groups: Group[];
}

/** Canteens, meal periods and groups to choose from and to name. */
export function useChoices(): Ref<Lists> {
  const lists = ref<Lists>({ canteens: [], periods: [], groups: [] });
  onMounted(async () => {
    const [canteens, periods, groups] = await Promise.all([
      getAll<Canteen>("/canteen/canteens").catch(() => []),
      getAll<Period>("/canteen/periods").catch(() => []),
      getAll<Group>("/identity/groups").catch(() => []),
    ]);
    lists.value = { canteens, periods, groups };
  });
  return lists;
}

export function pairs(texts: Record<string, Pair>): { value: number; label: string }[] {
  return Object.entries(texts).map(([value, pair]) => ({ value: Number(value), label: pick(pair) }));
}

export function things(rows: { id: number; name_zh: string; name_en: string }[]): { value: number; label: string }[] {
  return rows.map((row) => ({ value: row.id, label: nameOf(row) }));
}

/** Names of ids, or the word for all where none is named. */
export function namesOf(rows: { id: number; name_zh: string; name_en: string }[], ids: number[], all = t("everywhere")): string {
  return ids.length ? ids.map((id) => nameOf(rows.find((row) => row.id === id))).join("、") : all;
}

export function kindNames(texts: Record<string, Pair>, kinds: number[], joiner = "、"): string {
  return kinds.length ? kinds.map((kind) => (texts[kind] ? pick(texts[kind]) : kind)).join(joiner) : t("everywhere");
}

export const kindField = (): Field => ({ name: "kind", label: t("kind"), kind: "select", required: true, options: pairs(KINDS) });

export function whereFields(lists: Lists): Field[] {
  return [
    { name: "lane_kinds", label: t("whereLanes"), kind: "select", multiple: true, hint: t("emptyAll"), options: pairs(LANE_KINDS) },
    { name: "canteens", label: t("whereCanteens"), kind: "select", multiple: true, hint: t("emptyAll"), options: things(lists.canteens) },
    { name: "periods", label: t("whenPeriods"), kind: "select", multiple: true, hint: t("emptyAll"), options: things(lists.periods) },
  ];
}

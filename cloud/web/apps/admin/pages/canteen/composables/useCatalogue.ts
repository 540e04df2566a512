import { onMounted, ref, type Ref } from "vue";
import { getAll } from "@shared/api/usePages";
import type { Canteen, Dish, PlateKind, Site, Stall } from "@shared/api/types";
import type { Field } from "@shared/form/fields";
import { nameOf } from "@shared/i18n/locale";
import { t } from "../catalogueTexts";

const PATHS = {
  canteens: "/canteen/canteens",
  stalls: "/canteen/stalls",
  dishes: "/canteen/dishes",
  kinds: "/canteen/plate-kinds",
  sites: "/places/sites",
} as const;

export interface Catalogue {
  canteens: Canteen[];
  stalls: Stall[];
  dishes: Dish[];
  kinds: PlateKind[];
  sites: Site[];
}

/** The short lists that a page needs to name and to choose from. */
export function useCatalogue(...wanted: (keyof Catalogue)[]): { catalogue: Ref<Catalogue>; reload: () => Promise<void> } {
  const catalogue = ref<Catalogue>({ canteens: [], stalls: [], dishes: [], kinds: [], sites: [] });

  async function reload(): Promise<void> {
    const found = await Promise.all(wanted.map((name) => getAll<never>(PATHS[name]).catch(() => [])));
    catalogue.value = { ...catalogue.value, ...Object.fromEntries(wanted.map((name, at) => [name, found[at]])) };
  }

  onMounted(() => void reload());
  return { catalogue, reload };
}

export function choices(rows: { id: number; name_zh: string; name_en: string }[]): { value: number; label: string }[] {
  return rows.map((row) => ({ value: row.id, label: nameOf(row) }));
}

export function named(rows: { id: number; name_zh: string; name_en: string }[], id: number | null | undefined): string {
  return nameOf(rows.find((row) => row.id === id));
}

export function nameFields(): Field[] {
  return [
    { name: "name_zh", label: t("zh"), kind: "text", required: true },
    { name: "name_en", label: t("en"), kind: "text" },
  ];
}

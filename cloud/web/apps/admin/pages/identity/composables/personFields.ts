import { onMounted, ref, type Ref } from "vue";
import { getAll } from "@shared/api/usePages";
import type { Group, Site } from "@shared/api/types";
import type { Field } from "@shared/form/fields";
import { nameOf } from "@shared/i18n/locale";
import { t } from "../texts";

/** Groups and sites to choose from. */
export function useOrganisation(): { groups: Ref<Group[]>; sites: Ref<Site[]> } {
  const groups = ref<Group[]>([]);
  const sites = ref<Site[]>([]);
  onMounted(async () => {
    [groups.value, sites.value] = await Promise.all([getAll<Group>("/identity/groups"), getAll<Site>("/places/sites")]).catch(
      () => [[], []],
    );
  });
  return { groups, sites };
}

export function personFields(groups: Group[], sites: Site[], isNew: boolean): Field[] {
  const fields: Field[] = [
    { name: "name", label: t("name"), kind: "text", required: true },
    { name: "group_id", label: t("group"), kind: "select", required: true, options: groups.map((each) => ({ value: each.id, label: nameOf(each) })) },
    { name: "home_site_id", label: t("home"), kind: "select", required: true, hint: t("homeHint"), options: sites.map((each) => ({ value: each.id, label: nameOf(each) })) },
    { name: "phone", label: t("phone"), kind: "text", hint: t("phoneHint") },
    { name: "valid_until", label: t("validUntil"), kind: "date" },
    { name: "pin_over_fen", label: t("pinOver"), kind: "money", hint: t("pinHint") },
    { name: "day_pin_over_fen", label: t("dayPinOver"), kind: "money", hint: t("pinHint") },
  ];
  return isNew ? [{ name: "number", label: t("number"), kind: "text", required: true }, ...fields] : fields;
}

// How the gateway stands with the cloud. Offline is a normal state: grey, with since when and how much waits.
import { h, icon } from "/screens/dom.js";
import { clock } from "/screens/format.js";
import { t } from "/screens/texts.js";

export function badge(link) {
  if (!link) return h("span", { class: "badge" });
  const n = link.waiting.toLocaleString("en-US");
  if (!link.online) {
    return h("span", { class: "badge offline", role: "status" }, icon("offline"), t("offline", { time: clock(link.since_ms), n }));
  }
  return h("span", { class: "badge", role: "status" }, icon("cloud"), link.waiting > 20 ? t("syncing", { n }) : t("online"));
}

// The gateway's first page: its lanes and where their screens are.
import { h, put } from "/screens/dom.js";
import { t } from "/screens/texts.js";

const place = document.getElementById("screen");
const missing = document.body.dataset.missing === "1";

async function show() {
  const health = await fetch("/health").then((answer) => answer.json());
  const codes = health.screens ?? [];
  const rows = codes.map((code) =>
    h("li", {},
      h("span", { class: "name" }, code),
      h("a", { href: `/lanes/${encodeURIComponent(code)}/diner` }, t("diner_screen")),
      h("a", { href: `/lanes/${encodeURIComponent(code)}/operator` }, t("operator_screen"))));
  put(place,
    h("h1", {}, missing ? t("no_lane") : t("lanes")),
    missing ? h("p", { class: "soft" }, t("no_lane_hint")) : null,
    rows.length ? h("ul", {}, rows) : h("p", { class: "soft" }, t("lanes_empty")));
}

show().catch(() => put(place, h("h1", {}, t("lost"))));

// A number pad on the screen itself: no system keyboard, no dialog.
import { h, icon } from "/screens/dom.js";

export function pad(onKey, { point = false } = {}) {
  const key = (name, shown = name) => h("button", { type: "button", "data-key": name, onclick: () => onKey(name) }, shown);
  const last = point ? key("00") : key("clear", "C");
  return h("div", { class: "keys" },
    [..."123456789"].map((digit) => key(digit)),
    last, key("0"), h("button", { type: "button", "aria-label": "erase", "data-key": "erase", onclick: () => onKey("erase") }, icon("erase")));
}

export function typed(before, key, most) {
  if (key === "erase") return before.slice(0, -1);
  if (key === "clear") return "";
  return (before + key).slice(0, most);
}

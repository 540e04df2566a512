// Signing in at a lane: a name and a PIN, or the card.
import { h, icon } from "/screens/dom.js";
import { pad, typed } from "/screens/pad.js";
import { say, t } from "/screens/texts.js";

export function signIn(page, onSignedIn) {
  let chosen = page.operators.length === 1 ? page.operators[0].id : 0;
  let digits = "";
  let said = "";
  let tapping = false;
  const place = h("div", { class: "pad" });

  async function send(name, fields) {
    const answer = await page.live.act(name, fields);
    digits = "";
    tapping = false;
    if (answer.ok && answer.signed_in) {
      onSignedIn(answer.signed_in);
      return;
    }
    said = say(answer.message) || t("failed");
    draw();
  }

  function tapCard() {
    tapping = true;
    said = "";
    draw();
    send("sign_in_card");
  }

  function draw() {
    const people = page.operators.map((one) => h("button", { type: "button", class: one.id === chosen ? "chosen" : "", onclick: () => {
      chosen = one.id;
      draw();
    } }, one.name));
    const ready = chosen && digits.length >= 4;
    place.replaceChildren(
      h("div", { class: "left" },
        h("p", { class: "soft" }, people.length ? t("sign_in_hint") : t("no_operators")),
        h("div", { class: "people" }, people),
        said ? h("div", { class: "answer no", role: "alert" }, icon("cross"), said) : null,
        h("button", { type: "button", disabled: tapping, onclick: tapCard }, icon("card"), t(tapping ? "tap_now" : "sign_in_card"))),
      h("div", { class: "left" },
        h("div", { class: "shown secret" }, "•".repeat(digits.length) || "\u00a0"),
        pad((key) => {
          digits = typed(digits, key, 12);
          draw();
        }),
        h("button", { type: "button", class: "main", disabled: !ready, onclick: () => send("sign_in", { operator: chosen, pin: digits }) }, icon("lock"), t("sign_in"))));
  }

  draw();
  return [h("h1", {}, t("sign_in")), place];
}

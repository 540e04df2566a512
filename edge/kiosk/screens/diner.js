// The diner's side: what is on the tray, what it costs, what to do now.
import { badge } from "/screens/badge.js";
import { CONSENT, WORDING } from "/screens/consent.js";
import { h, icon, put } from "/screens/dom.js";
import { amountOf, clock, grams, money } from "/screens/format.js";
import { Live, laneOfPage } from "/screens/live.js";
import { pad, typed } from "/screens/pad.js";
import { Sight } from "/screens/sight.js";
import { play } from "/screens/sound.js";
import { has, languageNow, say, setLanguage, t } from "/screens/texts.js";

const IDLE_LANGUAGE_MS = 20000;
const FORM_MS = 30000;
const ICONS = { idle: null, reading: "read", bill: "card", paying: "wait", paid: "check", refused: "cross", ask: "look", down: "plug" };
const TONES = { idle: "calm", reading: "progress", bill: "progress", paying: "progress", paid: "good", refused: "act", ask: "look", down: "off" };
const KIND_ICONS = { plate: "tray", weigh: "scale", pos: "stall", gate: "gate", vision: "tray" };

const IDLE_ICONS = { plate: "place", weigh: "card", pos: "stall", gate: "card", vision: "place" };
const MOST_CHOICES = 3;

const firstLanguage = languageNow();
const place = document.getElementById("screen");
const header = h("header", {});
const tray = h("section", { class: "tray", "aria-label": "tray" });
const cost = h("section", { class: "cost", "aria-label": "cost" });
const now = h("section", { class: "now", "aria-live": "assertive" });
put(place, header, tray, cost, now);
const sight = new Sight(laneOfPage());

let digits = "";
let form = null; // { step: "phone" | "pin", phone }, or { step: "face" } for the PIN of whom the camera saw
let formTimer = 0;
let languageTimer = 0;
let told = "";

const live = new Live(laneOfPage(), "diner", show);
loading();
setInterval(() => live.state && drawHeader(live.state), 10000);

function show(state, before) {
  if (!live.connected) {
    lost();
    return;
  }
  if (before && before.phase !== state.phase && state.phase !== "paying") {
    digits = "";
    if (state.phase !== "bill") closeForm();
  }
  if (form?.step === "face" && state.face?.state !== "confirm") closeForm();
  if (Boolean(before?.pin) !== Boolean(state.pin)) digits = "";
  draw(state);
  play(state.sound);
  confirmSeen(state);
  idleLanguage(state);
}

// The gateway keeps that this charge was on a screen, so that a restart need not ask about it.
function confirmSeen(state) {
  const entry = state.receipt?.entry ?? state.last_charge?.entry ?? "";
  if (!entry || entry === told) return;
  told = entry;
  requestAnimationFrame(() => requestAnimationFrame(() => live.act("seen", { entry })));
}

function idleLanguage(state) {
  clearTimeout(languageTimer);
  if (state.phase !== "idle" || languageNow() === firstLanguage) return;
  languageTimer = setTimeout(() => {
    setLanguage(firstLanguage);
    draw(live.state);
  }, IDLE_LANGUAGE_MS);
}

function draw(state) {
  const pinning = Boolean(state.pin || form);
  place.className = `tone-${TONES[state.phase] ?? "calm"} phase-${state.phase} kind-${state.kind}${pinning ? " pad-open" : ""}${state.lines.length ? "" : " empty"}`;
  document.title = say(state.name);
  drawHeader(state);
  drawTray(state);
  drawCost(state);
  drawNow(state);
}

function drawHeader(state) {
  const switchLanguage = () => {
    setLanguage(languageNow() === "en" ? "zh" : "en");
    draw(live.state);
    idleLanguage(live.state);
  };
  put(header,
    h("h1", {}, say(state.name)),
    badge(state.link),
    h("span", { class: "clock" }, clock(Date.now())),
    h("button", { class: "quiet language", type: "button", onclick: switchLanguage }, t("language")));
}

function drawTray(state) {
  if (state.face?.state === "enrol_consent") {
    put(tray, h("div", { class: "consent" }, h("h2", {}, t("consent_title", state.face)), CONSENT.map((both) => h("p", {}, both[languageNow() === "en" ? 1 : 0])), h("p", {}, t("consent_place", { place: say(state.face.place) }))));
    return;
  }
  if (state.picture?.boxes.length && state.phase !== "down") {
    put(tray, sight.draw(state.picture, tray));
    return;
  }
  if (!state.lines.length) {
    const key = state.kind === "plate" ? "tray_empty" : `tray_empty_${state.kind}`;
    put(tray, h("div", { class: "nothing" }, icon(KIND_ICONS[state.kind] ?? "tray"), h("p", {}, t(key))));
    return;
  }
  const room = roomFor(tray);
  const fits = state.lines.length <= room ? state.lines : state.lines.slice(0, room - 1);
  const rest = state.lines.slice(fits.length);
  put(tray,
    h("ol", {}, fits.map(line)),
    rest.length ? h("p", { class: "rest" }, t("more", { n: rest.length }), h("span", { class: "money" }, money(rest.reduce((sum, one) => sum + one.amount_fen, 0)))) : null);
}

function line(one) {
  const detail = one.weight_g ? grams(one.weight_g) : one.quantity > 1 ? `×${one.quantity}` : one.plate && one.state === "unknown" ? `…${one.plate}` : "";
  const state = one.state === "paid" || one.state === "unknown" ? h("span", { class: "mark" }, icon(one.state === "paid" ? "check" : "look"), t(`state_${one.state}`)) : null;
  return h("li", { class: one.state || "due" },
    h("span", { class: "dish" }, say(one)),
    h("span", { class: "detail" }, detail),
    state ?? h("span", { class: "money" }, money(one.amount_fen)));
}

function roomFor(zone) {
  const row = parseFloat(getComputedStyle(zone).getPropertyValue("--row-px")) || 64;
  return Math.max(2, Math.floor((zone.clientHeight - 24) / row));
}

function drawCost(state) {
  const receipt = state.receipt;
  const parts = receipt ? receipt.shares.map((share) => h("li", {}, say(share), h("span", { class: "money" }, money(share.amount_fen)))) : [];
  if (receipt?.discount_fen) parts.unshift(h("li", {}, t("discount"), h("span", { class: "money" }, `-${money(receipt.discount_fen)}`)));
  if (receipt?.fee_fen) parts.unshift(h("li", {}, t("fee"), h("span", { class: "money" }, money(receipt.fee_fen))));
  put(cost,
    h("div", { class: "label" }, h("span", {}, receipt ? t("paid_amount") : t("amount")), state.lines.length ? h("span", { class: "soft" }, t("items", { n: state.lines.length })) : null),
    h("div", { class: "total" }, money(state.total_fen)),
    parts.length ? h("ul", { class: "parts" }, parts) : null);
}

function drawNow(state) {
  if (state.pin) {
    put(now, typing(say(state.message), "•".repeat(digits.length), pinKey, t("pay"), digits.length >= 4, () => send("pin", { digits }), () => send("cancel")));
    return;
  }
  if (form && (state.phase === "bill" || form.step === "face")) {
    drawForm();
    return;
  }
  const asking = state.face?.state === "enrol_consent";
  put(now,
    h("div", { class: "word" }, icon(asking ? "face" : ICONS[state.phase] ?? (state.balances ? "card" : IDLE_ICONS[state.kind])), h("p", {}, asking ? t("consent_ask") : say(state.message))),
    side(state));
}

function side(state) {
  const extra = [];
  if (state.receipt) {
    extra.push(h("p", { class: "receipt" }, `${state.receipt.person} · ${t("receipt_no")} ${state.receipt.number} · ${t("mark")} ${state.receipt.mark}`));
  }
  if (state.balances?.length) {
    extra.push(h("div", { class: "balances" }, state.receipt ? h("span", { class: "soft" }, t("left")) : null,
      state.balances.slice(0, 4).map((one) => h("span", {}, say(one), h("b", {}, amountOf(one))))));
  }
  if (state.last_charge && (state.phase === "idle" || state.phase === "down")) {
    const last = state.last_charge;
    extra.push(h("p", { class: "last" }, t("last_charge", { amount: money(last.amount_fen), person: last.person, time: clock(last.clock_ms) })));
  }
  extra.push(...choices(state), ...byFace(state));
  if (state.phase === "bill" && state.kind !== "weigh") {
    extra.push(h("button", { type: "button", onclick: openForm }, icon("phone"), t("by_phone")));
  }
  if (state.phase === "ask" && (state.kind === "plate" || state.kind === "vision")) {
    extra.push(h("button", { type: "button", onclick: () => send("again") }, icon("read"), t("again")));
  }
  return extra.length ? h("div", { class: "side" }, extra) : null;
}

// A dish in doubt: what it may be, with its price. A dish nobody knows is for the staff.
function choices(state) {
  const item = state.phase === "ask" ? (state.picture?.boxes ?? []).findIndex((box) => box.state === "ask") : -1;
  if (item < 0) return [];
  const { n, boxes } = state.picture;
  return boxes[item].choices.slice(0, MOST_CHOICES).map((one) =>
    h("button", { type: "button", "data-dish": one.id, onclick: () => send("choose", { n, item, dish: one.id }) }, say(one), " ", money(one.price_fen)));
}

function byFace(state) {
  const face = state.face;
  if (!face) {
    return state.by_face && state.phase === "idle" && (state.kind === "gate" || state.kind === "weigh")
      ? [h("button", { type: "button", onclick: () => send("face") }, icon("face"), t("by_face"))] : [];
  }
  if (face.state === "enrol_consent") {
    return [h("button", { type: "button", "data-act": "agree", onclick: () => send("enrol_agree", { wording: WORDING }) }, icon("check"), t("agree")),
      h("button", { type: "button", "data-act": "decline", onclick: () => send("enrol_decline") }, t("decline"))];
  }
  const key = `face_${face.state}`;
  const why = face.word && has(`face_word_${face.word}`) ? ` · ${t(`face_word_${face.word}`)}` : "";
  const line = h("p", { class: `face ${face.state}` }, icon("face"), t(key, face), face.state === "confirm" ? "" : why);
  const pin = () => {
    form = { step: "face" };
    digits = "";
    keepForm();
    draw(live.state);
  };
  return face.state === "confirm" ? [line, h("button", { type: "button", onclick: pin }, icon("lock"), t("face_pin"))] : [line];
}

function typing(title, shown, onKey, label, ready, onDone, onCancel) {
  return h("div", { class: "typing" },
    h("div", { class: "ask" },
      h("p", {}, title),
      h("div", { class: "typed", "data-typed": "" }, shown || "\u00a0"),
      h("div", { class: "buttons" },
        h("button", { class: "main", type: "button", disabled: !ready, onclick: onDone }, label),
        h("button", { type: "button", onclick: onCancel }, t("cancel")))),
    pad(onKey));
}

function pinKey(key) {
  digits = typed(digits, key, 12);
  drawNow(live.state);
}

function openForm() {
  form = { step: "phone", phone: "" };
  digits = "";
  keepForm();
  draw(live.state);
}

function closeForm() {
  form = null;
  digits = "";
  clearTimeout(formTimer);
}

function keepForm() {
  clearTimeout(formTimer);
  formTimer = setTimeout(() => {
    closeForm();
    draw(live.state);
  }, FORM_MS);
}

function drawForm() {
  const phoneStep = form.step === "phone";
  const onKey = (key) => {
    keepForm();
    digits = typed(digits, key, phoneStep ? 20 : 12);
    drawNow(live.state);
  };
  const done = () => {
    if (phoneStep) {
      form = { step: "pin", phone: digits };
      digits = "";
      draw(live.state);
      return;
    }
    const { step, phone } = form;
    const pin = digits;
    closeForm();
    if (step === "face") send("face_pin", { digits: pin });
    else send("phone", { phone, pin });
  };
  const cancel = () => {
    closeForm();
    draw(live.state);
  };
  const ready = phoneStep ? digits.length >= 6 : digits.length >= 4;
  put(now, typing(t(phoneStep ? "phone" : "pin"), phoneStep ? digits : "•".repeat(digits.length), onKey, t(phoneStep ? "next" : "pay"), ready, done, cancel));
}

function send(name, fields) {
  digits = "";
  live.act(name, fields);
}

function loading() {
  place.className = "tone-off loading";
  put(header, h("h1", {}, t("loading")));
  put(tray, h("div", { class: "skeleton row" }), h("div", { class: "skeleton row" }), h("div", { class: "skeleton row" }));
  put(cost, h("div", { class: "skeleton total-box" }));
  put(now, h("div", { class: "word" }, icon("wait"), h("p", {}, t("loading"))));
}

function lost() {
  place.className = "tone-off lost";
  put(cost);
  put(tray, h("div", { class: "nothing" }, icon("plug"), h("p", {}, t("lost_hint"))));
  put(now, h("div", { class: "word" }, icon("plug"), h("p", {}, t("lost"))));
}

addEventListener("resize", () => live.state && live.connected && draw(live.state));

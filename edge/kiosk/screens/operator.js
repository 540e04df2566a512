// The operator's side: sign in, then tasks. Nothing is a dialog; every act is answered in words where it was done.
import { badge } from "/screens/badge.js";
import { h, icon, put } from "/screens/dom.js";
import { clock, money } from "/screens/format.js";
import { Live, laneOfPage } from "/screens/live.js";
import { signIn } from "/screens/signin.js";
import { has, languageNow, say, setLanguage, t } from "/screens/texts.js";
import { TASKS } from "/screens/tasks.js";

const TONES = { idle: "calm", reading: "progress", bill: "progress", paying: "progress", paid: "good", refused: "act", ask: "look", down: "off" };
const ICONS = { idle: "tray", reading: "read", bill: "card", paying: "wait", paid: "check", refused: "cross", ask: "look", down: "plug" };
const ANSWER_MS = 12000;

const place = document.getElementById("screen");
const header = h("header", {});
const notes = h("section", { class: "notes", "aria-live": "polite" });
const rail = h("nav", { class: "rail" });
const task = h("section", { class: "task" });
const lane = h("aside", { class: "lane", "aria-label": "lane" });

const page = {
  live: null,
  signedIn: "",
  task: null,
  answer: null,
  answerTimer: 0,
  // Do something and say how it went; the task is drawn anew with what came back.
  async act(name, fields = {}, done = () => "") {
    const answer = await this.live.act(name, fields);
    if (!answer.ok && answer.message?.key === "sign_in") return leave();
    this.tell(answer.ok ? done(answer) : say(answer.message) || t("failed"), answer.ok);
    return answer;
  },
  tell(text, ok = true, button = null) {
    clearTimeout(this.answerTimer);
    this.answer = text ? { text, ok, button } : null;
    this.answerTimer = setTimeout(() => {
      this.answer = null;
      drawTask();
    }, ANSWER_MS);
    drawTask();
  },
  redraw: () => drawTask(),
};

page.live = new Live(laneOfPage(), "operator", show);
put(place, h("div", { class: "signin" }, h("div", { class: "skeleton" }, "\u00a0"), h("p", { class: "soft" }, t("loading"))));
setInterval(() => page.live.state && drawHeader(page.live.state), 10000);

async function show(state, before) {
  if (!page.live.connected) {
    page.signedIn = "";
    put(place, h("div", { class: "signin" }, h("p", {}, icon("plug"), " ", t("lost")), h("p", { class: "soft" }, t("lost_hint"))));
    return;
  }
  if (!before || !place.contains(header)) await arrive();
  draw();
  if (before && state.changes !== before.changes) page.task?.refresh?.(page);
}

// A sign-in belongs to one connection: after a reconnect the gateway is asked who is there.
async function arrive() {
  const answer = await page.live.act("operators");
  page.signedIn = answer.signed_in ?? "";
  page.operators = answer.operators ?? [];
  if (page.signedIn) enter();
  else offerSignIn();
}

function offerSignIn() {
  put(place, header, notes, h("div", { class: "signin" }, signIn(page, (name) => {
    page.signedIn = name;
    enter();
  })));
  draw();
}

function enter() {
  const tasks = tasksOf(page.live.state.kind);
  put(place, header, notes, rail, task, lane);
  choose(tasks[0]);
}

async function leave() {
  page.signedIn = "";
  page.answer = null;
  await page.live.act("sign_out");
  await arrive();
}

function tasksOf(kind) {
  return TASKS.filter((one) => (!one.kinds || one.kinds.includes(kind)) && (!one.needs || page.live.state[one.needs]));
}

function choose(one) {
  page.task = one;
  page.answer = null;
  one.open?.(page);
  draw();
}

function draw() {
  const state = page.live.state;
  document.title = say(state.name);
  drawHeader(state);
  drawNotes(state);
  if (!page.signedIn) return;
  put(rail, tasksOf(state.kind).map((one) => h("button", { type: "button", class: one === page.task ? "chosen" : "", onclick: () => choose(one) }, t(one.name))));
  drawTask();
  drawLane(state);
}

function drawHeader(state) {
  const switchLanguage = () => {
    setLanguage(languageNow() === "en" ? "zh" : "en", { keep: true });
    if (page.signedIn) draw();
    else offerSignIn();
  };
  put(header,
    h("h1", {}, say(state.name)),
    badge(state.link),
    h("span", { class: "soft" }, clock(Date.now())),
    page.signedIn ? h("span", {}, page.signedIn) : null,
    page.signedIn ? h("button", { type: "button", onclick: leave }, t("sign_out")) : null,
    h("button", { type: "button", class: "quiet", onclick: switchLanguage }, t("language")));
}

function drawNotes(state) {
  const found = [];
  const last = state.last_charge;
  if (last) {
    const values = { amount: money(last.amount_fen), person: last.person };
    found.push(h("div", { class: "note last" }, icon("look"), h("span", { class: "grow" }, t("last_void", values)),
      page.signedIn ? h("button", { type: "button", class: "act main", onclick: () => page.act("void_last", { entry: last.entry }, () => t("voided", values)) }, t("void")) : null,
      page.signedIn ? h("button", { type: "button", onclick: () => page.act("keep_last") }, t("keep")) : null));
  }
  for (const hint of state.hints ?? []) found.push(note(t(`hint_${hint.word}`, hint)));
  for (const device of Object.keys(state.alerts ?? {})) found.push(note(t("device_away", { device })));
  const printer = state.printer;
  if (printer?.trouble) found.push(note(`${t(has(`printer_${printer.trouble}`) ? `printer_${printer.trouble}` : "printer_printer_error")} · ${t("printer_waiting", { n: printer.waiting })}`));
  put(notes, found.slice(0, 4));
}

function note(text) {
  return h("div", { class: "note" }, icon("look"), h("span", {}, text));
}

function drawTask() {
  if (!page.task || !page.signedIn) return;
  const answer = page.answer;
  put(task,
    answer ? h("div", { class: answer.ok ? "answer" : "answer no", role: "status" }, icon(answer.ok ? "check" : "cross"), h("span", { class: "grow" }, answer.text), answer.button) : null,
    page.task.draw(page));
}

function drawLane(state) {
  put(lane,
    h("div", { class: `phase ${TONES[state.phase] ?? "calm"}` }, icon(ICONS[state.phase] ?? "tray"), h("span", {}, say(state.message))),
    h("div", { class: "amount" }, money(state.total_fen)),
    state.receipt ? h("p", { class: "soft" }, `${state.receipt.person} · ${state.receipt.number}`) : null,
    h("ol", {}, state.lines.slice(0, 14).map((one) => h("li", { class: one.state }, h("span", {}, say(one)), h("span", { class: "money" }, one.state ? t(`state_${one.state}`) : money(one.amount_fen))))));
}

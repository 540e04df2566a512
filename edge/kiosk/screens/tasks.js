// What an operator does at a lane. Each task draws itself and keeps its own small state.
import { h, icon } from "/screens/dom.js";
import { clock, grams, money } from "/screens/format.js";
import { newAttempt } from "/screens/live.js";
import { pad, typed } from "/screens/pad.js";
import { SIGHT, TEACH } from "/screens/teach.js";
import { TILL } from "/screens/till.js";
import { has, say, t } from "/screens/texts.js";

const REASONS = [1, 2, 4];

const sales = {
  name: "sales",
  rows: null,
  chosen: "",
  items: [],
  reason: 0,
  attempt: "",

  open(page) {
    this.rows = null;
    this.pick("");
    this.refresh(page);
  },

  async refresh(page) {
    const answer = await page.live.act("recent");
    if (answer.ok) this.rows = answer.sales;
    page.redraw();
  },

  pick(entry) {
    this.chosen = entry;
    this.items = [];
    this.reason = 0;
    this.attempt = newAttempt();
  },

  draw(page) {
    if (this.rows === null) return [1, 2, 3, 4].map(() => h("div", { class: "skeleton" }, "\u00a0"));
    if (!this.rows.length) return h("div", { class: "nothing" }, t("sales_empty"));
    const tall = innerHeight >= 1400 && innerWidth >= 1000 ? 84 : 60;
    const room = Math.max(4, Math.floor((document.querySelector(".task").clientHeight - 96) / tall));
    const rows = this.rows.slice(0, room).map((sale) => h("button", { type: "button", "data-entry": sale.entry, class: sale.entry === this.chosen ? "chosen" : "", onclick: () => {
      this.pick(sale.entry);
      page.tell("");
    } },
    h("span", { class: "time" }, clock(sale.clock_ms)),
    h("span", { class: "who" }, sale.person, " ", h("span", { class: "faint" }, `#${sale.receipt_no}`)),
    sale.whole || sale.refunded_fen ? h("span", { class: "tag" }, sale.whole ? t("whole_refunded") : t("refunded", { amount: money(sale.refunded_fen) })) : sale.shown ? h("span") : h("span", { class: "tag look" }, t("not_shown")),
    h("span", { class: "money" }, money(sale.amount_fen))));
    const sale = this.rows.find((one) => one.entry === this.chosen);
    return h("div", { class: "split" }, h("div", { class: "rows" }, rows), sale ? this.detail(page, sale) : h("div", { class: "nothing" }, t("choose_sale")));
  },

  detail(page, sale) {
    const open = sale.lines.map((_, index) => index).filter((index) => !sale.refunded_items.includes(index));
    const amount = this.items.length ? null : sale.amount_fen - sale.refunded_fen;
    const guess = this.items.reduce((sum, index) => sum + sale.lines[index].amount_fen, 0);
    const toggle = (index) => {
      this.items = this.items.includes(index) ? this.items.filter((one) => one !== index) : [...this.items, index].sort((a, b) => a - b);
      page.redraw();
    };
    const items = sale.lines.map((one, index) => h("button", { type: "button", class: this.items.includes(index) ? "chosen" : "", disabled: !open.includes(index), onclick: () => toggle(index) }, say(one), one.weight_g ? ` ${grams(one.weight_g)}` : "", h("span", { class: "soft" }, money(one.amount_fen))));
    const reasons = REASONS.map((reason) => h("button", { type: "button", "data-reason": reason, class: this.reason === reason ? "chosen" : "", onclick: () => {
      this.reason = reason;
      page.redraw();
    } }, t(`reason_${reason}`)));
    const label = this.reason ? t("refund", { amount: money(amount ?? guess) }) : t("refund_choose");
    const body = sale.whole ? [h("p", { class: "soft" }, t("whole_refunded"))] : [
      sale.lines.length > 1 ? h("div", { class: "items" }, h("button", { type: "button", class: this.items.length ? "" : "chosen", onclick: () => {
        this.items = [];
        page.redraw();
      } }, t("all_items")), items) : null,
      h("h2", {}, t("reason")),
      h("div", { class: "choices" }, reasons),
    ];
    return h("div", { class: "card" },
      h("div", { class: "head" }, h("span", {}, sale.person, " ", h("span", { class: "soft" }, sale.number)), h("b", { class: "money" }, money(sale.amount_fen))),
      body,
      h("div", { class: "acts" },
        sale.whole ? null : h("button", { type: "button", class: "main act", "data-act": "refund", disabled: !this.reason, onclick: () => this.refund(page, sale) }, label),
        page.live.state.printer ? h("button", { type: "button", "data-act": "reprint", onclick: () => page.act("reprint", { entry: sale.entry }, () => t("reprinted")) }, icon("print"), t("reprint")) : null));
  },

  async refund(page, sale) {
    const fields = { attempt: this.attempt, entry: sale.entry, reason: this.reason, items: this.items };
    const answer = await page.act("refund", fields, (done) => t("refund_done", { amount: money(done.refund.amount_fen) }));
    if (answer?.ok) this.pick("");
    this.refresh(page);
  },
};

const cash = {
  name: "cash",
  digits: "",
  busy: false,
  attempt: "",

  open() {
    this.digits = "";
    this.busy = false;
    this.attempt = newAttempt();
  },

  draw(page) {
    const amount_fen = Number(this.digits || 0);
    const key = (name) => {
      this.digits = typed(this.digits, name, 7).replace(/^0+/, "");
      page.redraw();
    };
    return h("div", { class: "pad" },
      h("div", { class: "left" },
        h("h2", {}, t("cash")),
        h("p", { class: "soft" }, this.busy ? t("tap_now") : t("cash_hint")),
        h("div", { class: "shown" }, money(amount_fen)),
        h("button", { type: "button", class: "main", disabled: !amount_fen || this.busy, onclick: () => this.take(page, amount_fen) }, icon("card"), this.busy ? t("tap_now") : t("cash_start", { amount: money(amount_fen) }))),
      pad(key, { point: true }));
  },

  async take(page, amount_fen) {
    this.busy = true;
    page.tell("");
    const answer = await page.act("cash", { amount_fen, attempt: this.attempt }, (done) => t("cash_done", { person: done.cash.person, amount: money(done.cash.amount_fen), balance: money(done.cash.balance_fen) }));
    this.busy = false;
    if (answer?.ok) {
      this.open();
      const { entry } = answer.cash;
      const undo = h("button", { type: "button", onclick: () => page.act("cash_void", { entry }, (done) => t("voided", { amount: money(-done.cash.amount_fen) })) }, t("cash_void"));
      page.tell(page.answer?.text ?? "", true, undo);
    }
    page.redraw();
  },
};

const closing = {
  name: "closing",
  sums: null,
  closed: null,
  digits: "",

  open(page) {
    this.sums = this.closed = null;
    this.digits = "";
    this.refresh(page);
  },

  async refresh(page) {
    const answer = await page.live.act("closing");
    if (answer.ok) this.sums = answer.closing;
    page.redraw();
  },

  draw(page) {
    const sums = this.closed ?? this.sums;
    if (!sums) return h("div", { class: "skeleton" }, "\u00a0");
    const key = (name) => {
      this.digits = typed(this.digits, name, 8).replace(/^0+/, "");
      page.redraw();
    };
    const state = sums.waiting ? t("waiting_upload", { n: sums.waiting }) : t("all_uploaded");
    const table = h("div", { class: "sums" },
      row("settled", sums.settlements, sums.settled_fen),
      row("refunds", sums.refunds, -sums.refunded_fen),
      h("span", { class: "net" }, t("net")), h("span", { class: "net" }), h("span", { class: "money net" }, money(sums.settled_fen - sums.refunded_fen)),
      h("span", {}, t("cash_sum")), h("span"), h("span", { class: "money" }, money(sums.cash_fen)));
    if (this.closed) {
      return h("div", { class: "card" }, h("div", { class: "head" }, h("h2", {}, t("closing")), h("b", {}, t(`closed_${sums.state}`))), table, h("p", {}, t(sums.agrees ? "agrees" : "disagrees")), h("p", { class: "soft" }, state));
    }
    return h("div", { class: "pad" },
      h("div", { class: "left" },
        h("h2", {}, t("closing")), h("p", { class: "soft" }, t("closing_hint")), table,
        h("p", { class: "soft" }, state),
        h("p", {}, t("counted")), h("div", { class: "shown" }, this.digits ? money(Number(this.digits)) : "—"),
        h("button", { type: "button", class: "main", "data-act": "close", onclick: () => this.close(page) }, t("close_day", { n: sums.settlements, amount: money(sums.settled_fen - sums.refunded_fen) }))),
      pad(key, { point: true }));
  },

  async close(page) {
    const counted_fen = this.digits ? Number(this.digits) : -1;
    const answer = await page.act("close_day", { counted_fen }, () => t("agrees"));
    if (answer?.ok) this.closed = answer.closed;
    page.redraw();
  },
};

const plates = {
  name: "plates",
  kinds: ["plate"],
  draw(page) {
    return h("div", { class: "card" }, h("h2", {}, t("plates")), h("p", { class: "soft" }, t("wash_hint")),
      h("div", { class: "acts" }, h("button", { type: "button", class: "main", "data-act": "wash", onclick: () => page.act("wash", {}, (done) => t("washed", { n: done.cleared })) }, t("wash"))));
  },
};

const gate = {
  name: "gate",
  kinds: ["gate"],
  draw(page) {
    return h("div", { class: "card" }, h("h2", {}, t("gate")), h("p", { class: "soft" }, t("gate_hint")),
      h("div", { class: "acts" }, h("button", { type: "button", class: "main", "data-act": "open_gate", onclick: () => page.act("open_gate") }, t("open_gate"))));
  },
};

function row(name, count, fen) {
  return [h("span", {}, t(name)), h("span", { class: "soft" }, t("count", { n: count })), h("span", { class: "money" }, money(fen))];
}

const enrol = {
  name: "enrol",
  needs: "by_face",
  busy: false,

  draw(page) {
    const face = page.live.state.face;
    const told = face?.state.startsWith("enrol_") ? `${t(`face_${face.state}`, face)}${face.word && has(`face_word_${face.word}`) ? ` · ${t(`face_word_${face.word}`)}` : ""}` : "";
    const start = async () => {
      this.busy = true;
      page.tell("");
      await page.act("enrol", {}, (done) => t("enrol_look", done));
      this.busy = false;
      page.redraw();
    };
    return h("div", { class: "card" }, h("h2", {}, t("enrol")), h("p", { class: "soft" }, this.busy ? t("tap_now") : t("enrol_hint")),
      told ? h("p", { class: "shown-words", role: "status" }, told) : null,
      h("div", { class: "acts" },
        h("button", { type: "button", class: "main", "data-act": "enrol", disabled: this.busy, onclick: start }, icon("face"), t("enrol_start")),
        h("button", { type: "button", onclick: () => page.act("enrol_stop") }, t("cancel"))));
  },
};

export const TASKS = [TILL, SIGHT, TEACH, gate, sales, cash, enrol, closing, plates];

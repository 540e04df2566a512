// Selling at a stall: an amount on the keys, or dishes from the list; then the diner taps.
import { h } from "/screens/dom.js";
import { money } from "/screens/format.js";
import { pad, typed } from "/screens/pad.js";
import { say, t } from "/screens/texts.js";

const DISHES_A_PAGE = 15;

export const TILL = {
  name: "till",
  kinds: ["pos"],
  view: "keypad",
  digits: "",
  menu: null,
  group: "",
  page: 0,
  basket: new Map(),

  async open(page) {
    this.digits = "";
    this.basket = new Map();
    this.page = 0;
    const answer = await page.live.act("menu");
    if (answer.ok) this.menu = answer.dishes;
    page.redraw();
  },

  draw(page) {
    const tabs = h("div", { class: "pages" }, ["keypad", "dishes"].map((name) => h("button", { type: "button", class: this.view === name ? "chosen" : "", onclick: () => {
      this.view = name;
      page.redraw();
    } }, t(name))));
    return [tabs, this.view === "keypad" ? this.keypad(page) : this.dishes(page)];
  },

  keypad(page) {
    const amount_fen = Number(this.digits || 0);
    const waiting = page.live.state.phase === "bill";
    return h("div", { class: "pad" },
      h("div", { class: "left" },
        h("div", { class: "shown" }, money(amount_fen)),
        waiting ? h("p", { class: "soft" }, t("waiting_diner", { amount: money(page.live.state.total_fen) })) : null,
        h("div", { class: "acts" },
          h("button", { type: "button", class: "main", "data-act": "charge", disabled: !amount_fen, onclick: () => this.charge(page, "amount", { amount_fen }) }, t("charge", { amount: money(amount_fen) })),
          h("button", { type: "button", onclick: () => this.clear(page) }, t("clear")))),
      pad((key) => {
        this.digits = typed(this.digits, key, 6).replace(/^0+/, "");
        page.redraw();
      }, { point: true }));
  },

  dishes(page) {
    if (!this.menu) return h("div", { class: "skeleton" }, "\u00a0");
    const groups = [...new Set(this.menu.map((dish) => dish.category))];
    const shown = this.menu.filter((dish) => !this.group || dish.category === this.group);
    const pages = Math.ceil(shown.length / DISHES_A_PAGE);
    const some = shown.slice(this.page * DISHES_A_PAGE, (this.page + 1) * DISHES_A_PAGE);
    const total = [...this.basket].reduce((sum, [id, n]) => sum + n * this.menu.find((dish) => dish.id === id).price_fen, 0);
    const pick = (group, number) => () => {
      this.group = group;
      this.page = number;
      page.redraw();
    };
    const items = () => [...this.basket].map(([dish, quantity]) => ({ dish, quantity }));
    return [
      h("div", { class: "pages" }, ["", ...groups].map((group) => h("button", { type: "button", class: this.group === group ? "chosen" : "", onclick: pick(group, 0) }, group || t("all_items"))),
        pages > 1 ? [...Array(pages).keys()].map((number) => h("button", { type: "button", class: this.page === number ? "chosen" : "", onclick: pick(this.group, number) }, String(number + 1))) : null),
      h("div", { class: "menu" }, some.map((dish) => h("button", { type: "button", "data-dish": dish.id, class: this.basket.has(dish.id) ? "chosen" : "", onclick: () => {
        this.basket.set(dish.id, (this.basket.get(dish.id) ?? 0) + 1);
        page.redraw();
      } }, h("span", {}, say(dish), this.basket.has(dish.id) ? ` ×${this.basket.get(dish.id)}` : ""), h("span", { class: "soft" }, money(dish.price_fen))))),
      h("div", { class: "acts" },
        h("button", { type: "button", class: "main", "data-act": "charge-dishes", disabled: !total, onclick: () => this.charge(page, "dishes", { items: items() }) }, t("charge", { amount: money(total) })),
        h("button", { type: "button", onclick: () => this.clear(page) }, t("clear"))),
    ];
  },

  async charge(page, name, fields) {
    const answer = await page.act(name, fields);
    if (answer?.ok) {
      this.digits = "";
      this.basket = new Map();
    }
    page.redraw();
  },

  clear(page) {
    this.digits = "";
    this.basket = new Map();
    page.act("cancel");
  },
};

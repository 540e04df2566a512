// What an operator does at a vision lane: names a dish the camera does not know, or teaches one from a few pictures.
import { h, icon } from "/screens/dom.js";
import { money } from "/screens/format.js";
import { laneOfPage } from "/screens/live.js";
import { Sight, nothingSeen } from "/screens/sight.js";
import { say, t } from "/screens/texts.js";

const DISHES_A_PAGE = 12;

// The menu of today as buttons, a page at a time.
class Menu {
  constructor() {
    this.dishes = null;
    this.page = 0;
  }

  async open(page) {
    this.page = 0;
    const answer = await page.live.act("menu");
    if (answer.ok) this.dishes = answer.dishes;
    page.redraw();
  }

  draw(page, chosen, pick, disabled = false) {
    if (!this.dishes) return h("div", { class: "skeleton" }, "\u00a0");
    const pages = Math.ceil(this.dishes.length / DISHES_A_PAGE);
    const turn = (number) => () => {
      this.page = number;
      page.redraw();
    };
    const some = this.dishes.slice(this.page * DISHES_A_PAGE, (this.page + 1) * DISHES_A_PAGE);
    return [
      pages > 1 ? h("div", { class: "pages" }, [...Array(pages).keys()].map((number) => h("button", { type: "button", class: this.page === number ? "chosen" : "", onclick: turn(number) }, String(number + 1)))) : null,
      h("div", { class: "menu" }, some.map((dish) => h("button", { type: "button", "data-dish": dish.id, disabled, class: dish.id === chosen ? "chosen" : "", onclick: () => pick(dish.id) },
        h("span", {}, say(dish)), h("span", { class: "soft" }, money(dish.price_fen))))),
    ];
  }
}

const menu = new Menu();

export const SIGHT = {
  name: "sight",
  kinds: ["vision"],
  chosen: -1,
  number: 0,
  view: null,

  open(page) {
    this.chosen = -1;
    this.view ??= new Sight(laneOfPage(), (index) => {
      this.chosen = index;
      page.redraw();
    });
    menu.open(page);
  },

  draw(page) {
    const picture = page.live.state.picture;
    if (!picture?.n) return h("div", { class: "card" }, h("h2", {}, t("sight")), nothingSeen());
    if (picture.n !== this.number) this.chosen = picture.boxes.findIndex((box) => box.state);
    this.number = picture.n;
    const place = h("div", { class: "seen" });
    place.append(this.view.draw(picture, place, this.chosen));
    return [h("p", { class: "soft" }, t("sight_hint")), place,
      menu.draw(page, 0, (dish) => this.name_it(page, dish), this.chosen < 0 || this.chosen >= picture.boxes.length)];
  },

  async name_it(page, dish) {
    await page.act("choose", { n: this.number, item: this.chosen, dish }, (done) => t(done.learnt ? "sight_done" : "sight_done_only"));
  },
};

export const TEACH = {
  name: "teach",
  kinds: ["vision"],
  dish: 0,
  taken: 0,
  view: null,

  open(page) {
    this.view ??= new Sight(laneOfPage());
    this.choose(page, 0);
    menu.open(page);
  },

  draw(page) {
    const picture = page.live.state.picture;
    const place = h("div", { class: "seen" });
    if (picture?.n) place.append(this.view.draw(picture, place));
    else place.append(nothingSeen());
    return [h("p", { class: "soft" }, t("teach_hint")), place,
      h("div", { class: "acts" },
        h("button", { type: "button", class: "main", "data-act": "take", disabled: !this.dish, onclick: () => this.take(page) }, icon("camera"), t("teach_take", { n: this.taken })),
        h("button", { type: "button", "data-act": "keep", disabled: this.taken < 3, onclick: () => this.keep(page) }, icon("check"), t("teach_keep", { n: this.taken }))),
      menu.draw(page, this.dish, (dish) => this.choose(page, dish))];
  },

  async choose(page, dish) {
    this.dish = dish;
    this.taken = 0;
    await page.live.act("teach_drop");
    page.redraw();
  },

  async take(page) {
    const answer = await page.act("teach_take", { dish: this.dish });
    if (answer?.ok) this.taken = answer.taken;
    page.redraw();
  },

  async keep(page) {
    const answer = await page.act("teach_keep", { dish: this.dish }, (done) => t("teach_done", { n: done.known }));
    if (answer?.ok) this.choose(page, 0);
  },
};

// The counter as the camera sees it, with a box around each dish and its price. The picture is loaded once for each number.
import { h, icon } from "/screens/dom.js";
import { money } from "/screens/format.js";
import { say, t } from "/screens/texts.js";

const FIRST_RATIO = 4 / 3;

export class Sight {
  constructor(lane, onPick = null) {
    this.lane = lane;
    this.onPick = onPick;
    this.number = 0;
    this.image = h("img", { alt: "" });
    this.boxes = h("div", { class: "boxes" });
    this.element = h("div", { class: "sight waiting" }, this.image, this.boxes);
    this.image.addEventListener("load", () => {
      this.element.classList.remove("waiting");
      this.fit();
    });
  }

  draw(picture, place, chosen = -1) {
    this.place = place;
    if (picture.n !== this.number) {
      this.number = picture.n;
      this.image.src = `/lanes/${encodeURIComponent(this.lane)}/picture?n=${picture.n}`;
    }
    this.boxes.replaceChildren(...picture.boxes.map((box, index) => this.box(box, index, index === chosen)));
    requestAnimationFrame(() => this.fit());
    return this.element;
  }

  box(box, index, chosen) {
    const mark = box.state ? icon("look") : null;
    const price = box.state ? null : h("b", {}, money(box.amount_fen));
    const pick = this.onPick ? () => this.onPick(index) : undefined;
    const element = h(pick ? "button" : "div", { type: pick ? "button" : undefined, class: `box ${box.state || "due"}${chosen ? " chosen" : ""}`, "data-item": index, onclick: pick },
      h("span", { class: "name" }, mark, h("span", {}, say(box)), price));
    for (const [side, value] of [["left", box.x], ["top", box.y], ["width", box.w], ["height", box.h]]) {
      element.style[side] = `${100 * value}%`;
    }
    return element;
  }

  // As large as the place allows at the picture's own shape.
  fit() {
    if (!this.place?.isConnected) return;
    const style = getComputedStyle(this.place);
    const wide = this.place.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const high = this.place.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const ratio = this.image.naturalWidth / this.image.naturalHeight || FIRST_RATIO;
    const width = Math.max(0, Math.min(wide, high * ratio));
    this.element.style.width = `${width}px`;
    this.element.style.height = `${width / ratio}px`;
  }
}

export function nothingSeen() {
  return h("p", { class: "soft" }, t("no_picture"));
}

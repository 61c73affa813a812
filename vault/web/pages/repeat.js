// Repetition of a part: from A, up to B.

import { spoken } from "./times.js";
import { say } from "./words.js";

export class Repeat {
  /** `position()` is in seconds; `from`, `to` and `end` are the buttons; `changed(text)` is called with a sentence that says what is repeated. */
  constructor(position, { from, to, end, changed }) {
    Object.assign(this, { position, buttons: { from, to, end }, changed, from: null, to: null });
    from.addEventListener("click", () => this.setFrom());
    to.addEventListener("click", () => this.setTo());
    end.addEventListener("click", () => this.clear());
  }

  get active() {
    return this.from !== null && this.to !== null;
  }

  clear() {
    this.from = this.to = null;
    this.show(say("repeat_off"));
  }

  setFrom() {
    this.from = this.position();
    if (this.to !== null && this.to <= this.from) this.to = null;
    this.show(this.active ? this.between() : say("repeat_from", { position: spoken(this.from) }));
  }

  /** Sets the end; without a start, or with one that lies behind it, the part begins at the recording's start. */
  setTo() {
    this.to = this.position();
    if (this.from === null || this.from >= this.to) this.from = 0;
    this.show(this.between());
  }

  /** Returns where playing continues if the position has reached the end; null to play on. */
  jump(seconds) {
    return this.active && seconds >= this.to ? this.from : null;
  }

  between() {
    return say("repeat_between", { from: spoken(this.from), to: spoken(this.to) });
  }

  show(text) {
    this.buttons.from.setAttribute("aria-pressed", this.from !== null);
    this.buttons.to.setAttribute("aria-pressed", this.to !== null);
    // Not ``disabled``: the button would lose the focus when it is pressed.
    this.buttons.end.setAttribute("aria-disabled", this.from === null);
    this.changed(text);
  }
}

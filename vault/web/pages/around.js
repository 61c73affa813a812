// Hears what is before and after the part between A and B, and nothing of the part: the vault sends no byte of it.

import { spoken } from "./times.js";
import { say } from "./words.js";

// What is heard on each side, in seconds.
const SIDE = 4;

export class Around {
  /**
   * `part()` has `from` and `to`, null where one is not set; `duration()` is in seconds. `begins()` is called before
   * something is heard, and `told(text)` with what is heard, or why nothing is.
   */
  constructor(button, audio, address, { part, duration, begins, told }) {
    Object.assign(this, { button, audio, address, part, duration, begins, told, left: [] });
    this.sound = new Audio();
    this.sound.addEventListener("ended", () => this.next());
    this.sound.addEventListener("error", () => this.fail());
    audio.addEventListener("play", () => this.stop());
    button.addEventListener("click", () => this.toggle());
  }

  get playing() {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  /** Says whether there is a part; what is heard of another one ends. */
  show() {
    const { from, to } = this.part();
    this.stop();
    this.button.setAttribute("aria-disabled", from === null || to === null);
  }

  toggle() {
    if (this.playing) return this.stop();
    const { from, to } = this.part();
    if (from === null || to === null) return this.told(say("around_unset"));
    this.begins();
    const sides = [["around_before", Math.max(0, from - SIDE), from], ["around_after", to, Math.min(this.duration(), to + SIDE)]];
    this.left = sides.filter(([, begin, end]) => end > begin);
    this.button.setAttribute("aria-pressed", "true");
    return this.next();
  }

  next() {
    const side = this.left.shift();
    if (!side) return this.stop();
    const [text, from, to] = side;
    this.told(say(text, { from: spoken(from), to: spoken(to) }));
    const { sound, audio } = this;
    sound.volume = audio.volume;
    sound.muted = audio.muted;
    sound.src = `${this.address}/part?from=${from.toFixed(3)}&to=${to.toFixed(3)}`;
    // If play() is rejected, an error event follows, or the listener stopped it.
    return sound.play().catch(() => {});
  }

  fail() {
    if (!this.playing) return;
    this.stop();
    this.told(say("around_failed"));
  }

  stop() {
    if (!this.playing) return;
    this.button.setAttribute("aria-pressed", "false");
    this.left = [];
    this.sound.pause();
    this.sound.removeAttribute("src");
    this.sound.load();
  }
}

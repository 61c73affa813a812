// The session: how long it still lasts, and whether it was ended from elsewhere while the page was open.

import { clock, spoken } from "./times.js";

// Sound that a browser already holds plays on without a request, so the page asks by itself; in milliseconds.
const ASKED_EVERY = 10_000;
const WARNED = [300, 60];
const GONE = {
  title: "This session is not valid any more",
  text: "Open the link that you were sent once more, or ask the person who sent it for a new one.",
};

export class Session {
  /**
   * `shown` gets what is left each second, `warned` a sentence that should be said, `ended` once `{title, text}`.
   * While `idle()` is true nobody is asked.
   */
  constructor(address, secondsLeft, { idle, shown, warned, ended }) {
    Object.assign(this, { address, shown, warned, ended });
    this.warnings = WARNED.filter((seconds) => seconds < secondsLeft);
    this.end = Date.now() + secondsLeft * 1000;
    this.tick();
    this.ticking = setInterval(() => this.tick(), 1000);
    this.asking = setInterval(() => idle() || this.ask(), ASKED_EVERY);
    // A machine that slept counted nothing, and a hidden page asked nobody.
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
  }

  get left() {
    return Math.max(0, Math.ceil((this.end - Date.now()) / 1000));
  }

  /** Asks the vault how the session stands; false if it could not be reached. */
  async ask() {
    let answer;
    try {
      answer = await fetch(`${this.address}/state`, { cache: "no-store" });
    } catch {
      return false;
    }
    if (answer.status === 404) this.close(GONE);
    if (!answer.ok) return answer.status === 404;
    const said = await answer.json();
    if (said.state !== "open") this.close(said);
    this.end = Date.now() + said.seconds_left * 1000;
    return true;
  }

  tick() {
    const left = this.left;
    this.shown(clock(left), left);
    if (left <= this.warnings[0]) this.warned(`The session ends in ${spoken(this.warnings.shift())}.`);
    if (left === 0) this.finish();
  }

  /** Lets the vault have the last word; without an answer the time is over all the same. */
  async finish() {
    if (!(await this.ask())) this.close(GONE);
  }

  close(words) {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.ticking);
    clearInterval(this.asking);
    this.ended(words);
  }
}

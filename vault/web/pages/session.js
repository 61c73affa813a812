// The session: its remaining time, and whether it was ended while the page is open.

import { clock, spoken } from "./times.js";
import { say } from "./words.js";

// Buffered audio plays on without requests. So while it plays, a request waits at the vault for the session's end, in
// seconds; else the page polls the session's state, and so it does while the vault lets no request wait. In milliseconds.
const WAIT = 20;
const POLL_INTERVAL = 10_000;
const WARNED = [300, 60];
const gone = () => ({
  title: say("gone_title"),
  text: say("gone_text"),
});

export class Session {
  /**
   * `shown` gets the remaining time each second, `warned` a sentence for the screen reader, `ended` once
   * `{state, title, text}`, without a state if the vault did not give one. While `idle()` is true the state is not polled;
   * while `playing()` is, a request waits for the session's end.
   */
  constructor(address, secondsLeft, { idle, playing, shown, warned, ended }) {
    Object.assign(this, { address, playing, shown, warned, ended });
    this.warnings = WARNED.filter((seconds) => seconds < secondsLeft);
    this.end = Date.now() + secondsLeft * 1000;
    this.tick();
    this.ticking = setInterval(() => this.tick(), 1000);
    this.polling = setInterval(() => idle() || this.watching || this.ask(), POLL_INTERVAL);
    // The countdown stops while the machine sleeps, and a hidden page does not poll.
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
  }

  get left() {
    return Math.max(0, Math.ceil((this.end - Date.now()) / 1000));
  }

  /** Keeps a request waiting for the session's end, from the start of the sound until the first answer after it. */
  async watch() {
    if (this.watching) return;
    this.watching = true;
    while (this.playing() && !this.closed) {
      const asked = Date.now();
      await this.ask(WAIT);
      const early = asked + POLL_INTERVAL - Date.now();
      if (early > 0) await new Promise((go) => setTimeout(go, early));
    }
    this.watching = false;
  }

  /** Asks for the session's state, after `wait` seconds or at its end; returns false if the vault could not be reached. */
  async ask(wait = 0) {
    let answer;
    try {
      // On a line that died without a word a request would wait for ever, and no other would be sent.
      const signal = AbortSignal.timeout(wait * 1000 + POLL_INTERVAL);
      answer = await fetch(`${this.address}/state${wait ? `?wait=${wait}` : ""}`, { cache: "no-store", signal });
    } catch {
      return false;
    }
    if (answer.status === 404) this.close(gone());
    if (!answer.ok) return answer.status === 404;
    const state = await answer.json();
    if (state.state !== "open") this.close(state);
    this.end = Date.now() + state.seconds_left * 1000;
    return true;
  }

  tick() {
    const left = this.left;
    this.shown(clock(left), left);
    if (left <= this.warnings[0]) this.warned(say("ends_in", { left: spoken(this.warnings.shift()) }));
    if (left === 0) this.finish();
  }

  /** Checks the state with the vault at the end of the countdown; closes the session if there is no answer. */
  async finish() {
    if (!(await this.ask())) this.close(gone());
  }

  close(words) {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.ticking);
    clearInterval(this.polling);
    this.ended(words);
  }
}

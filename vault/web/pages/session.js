// The session: its remaining time, and a poll for whether it was ended while the page is open.

import { clock, spoken } from "./times.js";
import { say } from "./words.js";

// Buffered audio plays on without requests, so the page polls the session's state; in milliseconds.
const POLL_INTERVAL = 10_000;
const WARNED = [300, 60];
const gone = () => ({
  title: say("gone_title"),
  text: say("gone_text"),
});

export class Session {
  /**
   * `shown` gets the remaining time each second, `warned` a sentence for the screen reader, `ended` once
   * `{state, title, text}`, without a state if the vault did not give one. While `idle()` is true the state is not polled.
   */
  constructor(address, secondsLeft, { idle, shown, warned, ended }) {
    Object.assign(this, { address, shown, warned, ended });
    this.warnings = WARNED.filter((seconds) => seconds < secondsLeft);
    this.end = Date.now() + secondsLeft * 1000;
    this.tick();
    this.ticking = setInterval(() => this.tick(), 1000);
    this.polling = setInterval(() => idle() || this.ask(), POLL_INTERVAL);
    // The countdown stops while the machine sleeps, and a hidden page does not poll.
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
  }

  get left() {
    return Math.max(0, Math.ceil((this.end - Date.now()) / 1000));
  }

  /** Polls the session's state; returns false if the vault could not be reached. */
  async ask() {
    let answer;
    try {
      answer = await fetch(`${this.address}/state`, { cache: "no-store" });
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

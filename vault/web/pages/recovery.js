// What happens while the audio does not come: retries, and a sentence that says why.

import { say } from "./words.js";

// Backoff of automatic retries, in milliseconds; after them the listener must press "Try again".
const RETRIES = [1000, 3000, 9000];
// Delay before a stall is shown, in milliseconds: browsers themselves retry for half a minute without an event.
const STALL_DELAY = 4000;

export class Recovery {
  /** `trouble` shows the sentence, `play` the stall; `reachable(seconds)` returns a position that can be played. */
  constructor(audio, session, { trouble, play, reachable }) {
    Object.assign(this, { audio, session, trouble, play, reachable });
    // The number of consecutive failures at one position, and that position in seconds.
    this.failures = 0;
    this.failedAt = 0;
    this.retrying = null;
    this.stalled = null;
    // Whether the listener pressed Play: the browser pauses an element that fails.
    this.wanted = false;
    // Position to continue from after a failure, in seconds; null if there is no failure.
    this.broken = null;
    this.listen();
  }

  /** The listener's position, also while the element has lost it. */
  get position() {
    return this.broken ?? this.audio.currentTime;
  }

  /** Whether a failure is shown, or a retry is about to come. */
  get isTrying() {
    return !this.trouble.hidden || this.audio.error !== null;
  }

  moveTo(position) {
    if (this.broken !== null) this.broken = position;
  }

  listen() {
    const on = (names, act) => names.forEach((name) => this.audio.addEventListener(name, act));
    on(["loadedmetadata"], () => this.continuePlaying());
    on(["play"], () => {
      this.wanted = true;
      // The page requests no audio before Play is pressed, but a retry must load it even while paused.
      this.audio.preload = "metadata";
    });
    on(["pause"], () => { if (!this.audio.error && this.broken === null) this.wanted = false; });
    on(["waiting", "seeking"], () => this.startWaiting());
    on(["playing", "canplay", "seeked", "emptied", "error"], () => this.stopWaiting());
    on(["canplay", "seeked"], () => { this.trouble.hidden = true; });
    on(["error"], () => this.failed());
    this.trouble.querySelector("button").addEventListener("click", () => { this.failures = 0; this.retry(); });
    addEventListener("online", () => { this.failures = 0; if (!this.trouble.hidden) this.retry(); });
  }

  startWaiting() {
    this.stopWaiting();
    this.play.classList.add("waiting");
    this.stalled = setTimeout(() => this.stall(), STALL_DELAY);
  }

  async stall() {
    const reached = await this.session.ask();
    if (this.session.closed) return;
    if (!reached) this.show("offline");
    // After quick seeks Chromium sometimes waits for ever for audio that it holds; another seek wakes it.
    else if (this.isBuffered(this.audio.currentTime)) this.audio.currentTime = this.audio.currentTime;
  }

  isBuffered(seconds) {
    const { buffered } = this.audio;
    const ranges = Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)]);
    return ranges.some(([start, end]) => start <= seconds && seconds < end);
  }

  stopWaiting() {
    clearTimeout(this.stalled);
    this.play.classList.remove("waiting");
  }

  /** Finds out why the audio stopped: the session, the network, or the audio itself. */
  async failed() {
    this.remember();
    // A retry can load the beginning each time, so failures are counted by position: tampered audio never loads.
    if (Math.abs(this.broken - this.failedAt) > 1) this.failures = 0;
    this.failedAt = this.broken;
    const damaged = this.audio.error?.code === MediaError.MEDIA_ERR_DECODE;
    const reached = await this.session.ask();
    if (this.session.closed) return;
    const last = damaged || this.failures === RETRIES.length;
    if (!last) this.retrying = setTimeout(() => this.retry(), RETRIES[this.failures++]);
    if (!reached) this.show("offline");
    else if (!last) this.show("retrying");
    else this.show(!damaged && (await this.isMissing()) ? "missing" : "damaged");
  }

  /** Requests one byte to find out why the audio does not load: an audio element does not expose the response. */
  async isMissing() {
    try {
      const answer = await fetch(this.audio.src, { headers: { Range: "bytes=0-0" }, cache: "no-store" });
      return answer.status === 503 && (await answer.json()).reasons?.includes("recording_missing") === true;
    } catch {
      return false;
    }
  }

  show(key) {
    this.trouble.hidden = false;
    this.trouble.querySelector("span").textContent = say(key);
  }

  /** Stores the listener's position, which loading resets. */
  remember() {
    this.broken ??= this.audio.currentTime;
  }

  retry() {
    clearTimeout(this.retrying);
    this.remember();
    this.audio.load();
  }

  /** Loads the audio from another address, and continues where it was. */
  loadFrom(address) {
    this.remember();
    this.audio.src = address;
  }

  /** Continues where the audio stopped. */
  continuePlaying() {
    if (this.broken === null) return;
    this.audio.currentTime = this.reachable(this.broken);
    this.broken = null;
    if (this.wanted) this.audio.play().catch(() => {});
  }
}

// What was played: reported to the vault in spans of seconds, beside what its log knows itself, which is what it sent.

// Seconds played after which the player reports, unless it stops before.
const INTERVAL = 30;
// Spans of one report; what is over waits for the next one.
const MOST = 100;

export class Heard {
  /** `address` is the session's. */
  constructor(audio, address) {
    Object.assign(this, { audio, address, spans: [], last: null, played: 0 });
    audio.addEventListener("timeupdate", () => this.note());
    // What was played up to a jump is reported up to the last position before it.
    for (const name of ["seeking", "emptied"]) audio.addEventListener(name, () => { this.last = null; });
    for (const name of ["pause", "ended"]) audio.addEventListener(name, () => this.report());
    // A tab that is closed or put aside may not come back.
    addEventListener("pagehide", () => this.report());
    document.addEventListener("visibilitychange", () => document.hidden && this.report());
  }

  /** Extends the last span to the present position, or begins another one. */
  note() {
    const at = this.audio.currentTime, before = this.last;
    this.last = this.audio.seeking ? null : at;
    if (before === null || this.last === null || at <= before) return;
    const span = this.spans.at(-1);
    if (span?.[1] === before) span[1] = at;
    else this.spans.push([before, at]);
    this.played += at - before;
    if (this.played >= INTERVAL) this.report();
  }

  /** Sends what was played since the last report. What the vault does not take is lost: it does not hinder playing. */
  report() {
    this.note();
    this.played = 0;
    while (this.spans.length) {
      const spans = this.spans.splice(0, MOST);
      // Unlike fetch, it is sent when the page is gone.
      navigator.sendBeacon(`${this.address}/heard`, new Blob([JSON.stringify({ spans })], { type: "application/json" }));
    }
  }
}

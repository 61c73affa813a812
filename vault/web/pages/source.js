// What the vault is asked for: audio at the speed at which it is heard. It sends little more than is played, and its log
// says how much; so the speed is stated, and nothing is loaded while the listener pauses.

// Speeds that are stated: not every change of the speed loads the audio again.
const STATED = [1, 1.5, 2, 3, 6];
// Milliseconds of a pause after which the rest of what was asked for is not wanted any more.
const REST_AFTER = 3000;

export class Source {
  /** `recovery` keeps the position while the audio element has none. */
  constructor(audio, recovery) {
    Object.assign(this, { audio, recovery });
    this.address = audio.getAttribute("src");
    this.speed = null;
    this.resting = false;
    this.timer = null;
    const on = (names, act) => names.forEach((name) => audio.addEventListener(name, act));
    on(["pause", "ended", "seeked", "loadeddata"], () => this.restSoon());
    on(["play"], () => clearTimeout(this.timer));
  }

  get url() {
    return `${this.address}?speed=${this.speed}`;
  }

  /** States the speed at which the audio is used up from now on. */
  state(speed) {
    const stated = STATED.find((one) => one >= speed) ?? STATED.at(-1);
    if (stated === this.speed) return;
    const first = this.speed === null;
    this.speed = stated;
    // Before the first Play nothing is loaded.
    if (first) this.audio.src = this.url;
    else if (!this.resting) this.recovery.loadFrom(this.url);
  }

  restSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rest(), REST_AFTER);
  }

  /** Drops what is loaded and loading while the listener pauses. */
  rest() {
    const { audio, recovery } = this;
    if (!audio.paused || this.resting || recovery.isTrying || recovery.session.closed) return;
    recovery.remember();
    this.resting = true;
    audio.removeAttribute("src");
    audio.load();
    // Where it begins when there is audio again.
    audio.currentTime = recovery.position;
  }

  /** Asks for the audio again, before Play. */
  wake() {
    if (!this.resting) return;
    this.resting = false;
    this.audio.src = this.url;
  }
}

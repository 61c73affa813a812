// How fast a call is heard: the speed, and whether pauses between turns are skipped.

import { say } from "./words.js";

export class Pace {
  /** `source` is told how fast the audio is used up; `announce` says something to the screen reader. */
  constructor(audio, speeds, button, { source, announce }) {
    Object.assign(this, { audio, speeds, button, source, announce });
    speeds.addEventListener("change", () => this.set());
    button.addEventListener("click", () => this.toggleSkip());
  }

  get skips() {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  /** Restores what a listener had chosen. */
  restore(speed, skips) {
    this.speeds.value = speed;
    this.button.setAttribute("aria-pressed", skips);
    this.set();
  }

  /** Sets the speed, and the default speed for a reload of the audio. */
  set() {
    this.audio.defaultPlaybackRate = this.audio.playbackRate = Number(this.speeds.value);
    this.state();
  }

  /** Tells the vault how fast the audio is used up: of a call about half is silence. */
  state() {
    this.source.state(this.audio.playbackRate * (this.skips ? 2 : 1));
  }

  change(by) {
    const index = this.speeds.selectedIndex + by;
    if (index < 0 || index >= this.speeds.length) return;
    this.speeds.selectedIndex = index;
    this.set();
    this.announce(say("speed", { speed: this.speeds.selectedOptions[0].textContent }));
  }

  toggleSkip() {
    this.button.setAttribute("aria-pressed", !this.skips);
    this.announce(say(this.skips ? "skip_on" : "skip_off"));
    this.state();
  }
}

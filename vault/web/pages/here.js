// A link to this moment: copied for a colleague, or put into the address of the page that shares the call.

import { clock } from "./times.js";
import { say } from "./words.js";

export class Here {
  /** `position()` is in seconds; `tell` shows a sentence for a moment. */
  constructor(button, share, { position, tell }) {
    Object.assign(this, { button, position, tell });
    button.addEventListener("click", () => this.copy());
    share?.addEventListener("click", () => { share.search = `?at=${this.second}`; });
  }

  get second() {
    return Math.floor(this.position());
  }

  /** Names the button by the moment. A focused one keeps its name: the screen reader would read it each second. */
  follow(seconds) {
    if (document.activeElement === this.button) return;
    this.button.lastElementChild.textContent = say("copy_link", { time: clock(seconds) });
  }

  /** Puts the moment into the page's address, and copies that. */
  async copy() {
    history.replaceState(null, "", `#t=${this.second}`);
    try {
      await navigator.clipboard.writeText(location.href);
      this.tell(say("copied"));
    } catch {
      this.tell(say("not_copied"));
    }
  }
}

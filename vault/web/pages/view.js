// The shown part of a long recording: zoom, and the strip below the waveform that shows and moves it.

// The smallest shown part, in seconds.
const SMALLEST = 10;
// Where the position is in the view after playing has left it.
const MARGIN = 0.1;

export class View {
  /** The strip that shows the part, and the buttons that zoom; `changed()` is called when another part is shown. */
  constructor({ strip, closer, wider }, changed) {
    Object.assign(this, { strip, closer, wider, changed });
    this.part = strip.firstElementChild;
    this.setDuration(0);
    this.listen();
  }

  setDuration(duration) {
    if (duration === this.duration) return;
    this.duration = duration;
    this.show(0, duration);
  }

  get length() {
    return this.to - this.from;
  }

  get isZoomed() {
    return this.length < this.duration;
  }

  get canZoomIn() {
    return this.length / 2 >= SMALLEST;
  }

  /** Shows a part that is `factor` times as long, with the position at the same place of the view. */
  zoom(factor, position) {
    const length = Math.min(this.duration, Math.max(Math.min(SMALLEST, this.duration), this.length * factor));
    const inside = position >= this.from && position <= this.to;
    const share = inside ? (position - this.from) / (this.length || 1) : 0.5;
    const from = (inside ? position : (this.from + this.to) / 2) - share * length;
    this.show(from, length);
  }

  /** Moves the view so that it has the position. */
  follow(position) {
    if (position < this.from || position > this.to) this.show(position - MARGIN * this.length, this.length);
  }

  pan(seconds) {
    this.show(this.from + seconds, this.length);
  }

  /** Returns the position of a time in the view, from 0 to 1 if it is shown. */
  shareOf(seconds) {
    return (seconds - this.from) / (this.length || 1);
  }

  secondsAt(share) {
    return this.from + share * this.length;
  }

  show(from, length) {
    this.from = Math.max(0, Math.min(this.duration - length, from));
    this.to = this.from + length;
    this.strip.hidden = !this.isZoomed;
    // Not ``disabled``: a button that is pressed until it can do no more would lose the focus.
    this.closer.setAttribute("aria-disabled", !this.canZoomIn);
    this.wider.setAttribute("aria-disabled", !this.isZoomed);
    this.part.style.left = `${100 * this.from / (this.duration || 1)}%`;
    this.part.style.width = `${100 * length / (this.duration || 1)}%`;
    this.changed();
  }

  listen() {
    const strip = this.strip;
    const move = (event) => {
      const box = strip.getBoundingClientRect();
      const middle = ((event.clientX - box.left) / box.width) * this.duration;
      this.show(middle - this.length / 2, this.length);
    };
    strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); move(event); });
    strip.addEventListener("pointermove", (event) => { if (strip.hasPointerCapture(event.pointerId)) move(event); });
  }
}

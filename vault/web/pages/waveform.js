// The waveform: one lane per channel, drawn from stored peaks, and the seek slider.

import { clock, spoken } from "./times.js";

// A bar and the gap after it, in CSS pixels.
const BAR = 2, STEP = 3;
const LANE_PADDING = 6;
// Quiet calls are drawn larger, but noise must not fill the lane.
const LARGEST_GAIN = 8;
const FULL_SCALE = 128;
const FAINT = 0.38;

export class Waveform {
  /** `seek(seconds)` is called at the end of a drag: each seek is a logged access, so a drag must be one seek. */
  constructor(slider, duration, seek) {
    this.slider = slider;
    this.canvas = slider.querySelector("canvas");
    this.lanes = [...slider.querySelectorAll(".lane")];
    this.bubble = slider.querySelector("#bubble");
    this.seek = seek;
    this.peaks = this.lanes.map(() => []);
    this.muted = this.lanes.map(() => false);
    this.position = 0;
    this.dragged = null;
    this.setDuration(duration);
    this.listen();
    new ResizeObserver(() => this.measure()).observe(slider);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  setDuration(duration) {
    this.duration = duration || 0;
    this.slider.setAttribute("aria-valuemax", Math.floor(this.duration));
    this.show(this.position);
  }

  /** Sets the peaks: for each channel pairs of the lowest and the highest value, from -128 to 127. */
  setPeaks(channels) {
    this.peaks = channels;
    this.measure();
  }

  /** Draws the muted channels without their colour. */
  mute(muted) {
    this.muted = muted;
    this.draw();
  }

  /** Shows a position. With `moving` a focused slider is not announced: it would talk over the call. */
  show(seconds, { moving = false } = {}) {
    this.position = seconds;
    if (!moving || document.activeElement !== this.slider) {
      this.slider.setAttribute("aria-valuenow", Math.floor(seconds));
      this.slider.setAttribute("aria-valuetext", `${spoken(seconds)} of ${spoken(this.duration)}`);
    }
    this.draw();
  }

  listen() {
    const slider = this.slider;
    slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      slider.setPointerCapture(event.pointerId);
      this.dragged = this.secondsAt(event);
      this.draw();
    });
    slider.addEventListener("pointermove", (event) => {
      if (this.dragged !== null) this.dragged = this.secondsAt(event);
      this.point(event);
      this.draw();
    });
    slider.addEventListener("pointerup", () => this.letGo());
    // A touch that scrolls the page, or a cancelled drag, does not seek.
    slider.addEventListener("pointercancel", () => this.letGo({ seek: false }));
    slider.addEventListener("pointerleave", () => { this.bubble.hidden = true; });
  }

  letGo({ seek = true } = {}) {
    const dragged = this.dragged;
    this.dragged = null;
    if (seek && dragged !== null) this.seek(dragged);
    this.draw();
  }

  secondsAt(event) {
    const box = this.slider.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.duration;
  }

  /** Shows the time under the pointer. */
  point(event) {
    const box = this.slider.getBoundingClientRect(), half = 28;
    const left = Math.min(box.width - half, Math.max(half, event.clientX - box.left));
    this.bubble.hidden = false;
    this.bubble.textContent = clock(this.secondsAt(event));
    this.bubble.style.left = `${left}px`;
  }

  /** Fits the canvas to the slider and to the pixels of the screen, and recomputes the bars. */
  measure() {
    const { clientWidth: width, clientHeight: height } = this.slider;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    Object.assign(this, { width, height, ratio });
    const gain = gainFor(this.peaks);
    const lane = height / this.lanes.length;
    this.shapes = this.lanes.map((_, index) => shape(this.peaks[index] ?? [], width, lane, index * lane, gain));
    this.draw();
  }

  draw() {
    if (!this.shapes) return;
    const paint = this.canvas.getContext("2d");
    const at = ((this.dragged ?? this.position) / (this.duration || 1)) * this.width;
    paint.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    paint.clearRect(0, 0, this.width, this.height);
    this.shapes.forEach((bars, index) => {
      // The stylesheet has the colours for light and dark mode.
      const style = getComputedStyle(this.lanes[index]);
      paint.fillStyle = style.getPropertyValue(this.muted[index] ? "--silent" : "--lane");
      paint.globalAlpha = FAINT;
      paint.fill(bars);
      paint.globalAlpha = 1;
      fillLeftOf(paint, bars, at, this.height);
    });
    paint.fillStyle = getComputedStyle(this.slider).color;
    paint.fillRect(Math.min(this.width - 2, Math.max(0, at - 1)), 0, 2, this.height);
  }
}

/** Returns the gain for the peaks: the same for all channels, so that they can be compared. */
function gainFor(peaks) {
  const loudest = Math.max(1, ...peaks.map((channel) => channel.reduce((most, peak) => Math.max(most, Math.abs(peak)), 0)));
  return Math.min(LARGEST_GAIN, FULL_SCALE / loudest);
}

/** Returns the bars of a channel as a path; without peaks, a line of silence. */
function shape(channel, width, lane, top, gain) {
  const path = new Path2D(), buckets = channel.length / 2;
  const middle = top + lane / 2, half = (lane / 2 - LANE_PADDING) * gain / FULL_SCALE;
  for (let x = 0; x + BAR <= width; x += STEP) {
    const first = Math.floor((x / width) * buckets);
    const last = Math.max(first + 1, Math.floor(((x + STEP) / width) * buckets));
    let low = 0, high = 0;
    for (let bucket = first; bucket < last && bucket < buckets; bucket++) {
      low = Math.min(low, channel[2 * bucket]);
      high = Math.max(high, channel[2 * bucket + 1]);
    }
    const height = Math.max(BAR, (high - low) * half);
    const y = Math.min(middle - high * half, middle - BAR / 2);
    if (path.roundRect) path.roundRect(x, y, BAR, height, BAR / 2);
    else path.rect(x, y, BAR, height);
  }
  return path;
}

function fillLeftOf(paint, path, x, height) {
  paint.save();
  paint.beginPath();
  paint.rect(0, 0, x, height);
  paint.clip();
  paint.fill(path);
  paint.restore();
}

// The waveform: one lane per channel, drawn from what the vault stored, and the seek slider.

import { fullHeight, shapeBars } from "./bars.js";
import { clock, spokenPosition } from "./times.js";
import { View } from "./view.js";

// What was not played yet.
const FAINT = 0.38;
// Of what was removed, in CSS pixels: the distance of two stripes, and the least width of a range.
const STRIPE = 8, MIN_STRIPES = 3;

export class Waveform {
  /** `zooming` is as for `View`. `seek(seconds)` is called at the end of a drag: each seek is a logged access, so a drag must be one seek. */
  constructor(slider, zooming, duration, seek) {
    this.slider = slider;
    this.canvas = slider.querySelector("canvas");
    this.lanes = [...slider.querySelectorAll(".lane")];
    this.bubble = slider.querySelector("#bubble");
    this.seek = seek;
    // Per channel `{peaks, levels}`, and the full height of a lane; null until they are loaded: flat lines would look
    // like silence.
    this.channels = this.full = null;
    this.muted = this.lanes.map(() => false);
    this.marked = { from: null, to: null };
    this.notes = [];
    this.removed = [];
    this.position = 0;
    this.dragged = null;
    this.view = new View(zooming, () => this.shape());
    this.setDuration(duration);
    this.listen();
    new ResizeObserver(() => this.measure()).observe(slider);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  setDuration(duration) {
    this.duration = duration || 0;
    this.view.setDuration(this.duration);
    this.slider.setAttribute("aria-valuemax", Math.floor(this.duration));
    this.show(this.position);
  }

  /**
   * Sets what is drawn, for each channel: `peaks` as pairs of the lowest and the highest value, from -128 to 127, and
   * `levels`, the loudness from 0 to 1, or null.
   */
  setChannels(channels) {
    this.channels = channels;
    this.full = fullHeight(channels);
    this.shape();
  }

  /** Draws the muted channels without their colour. */
  mute(muted) {
    this.muted = muted;
    this.draw();
  }

  /** Marks a part that is repeated; `null` for an end that is not set. */
  mark({ from, to }) {
    this.marked = { from, to };
    this.draw();
  }

  /** Marks the moments of the listener's notes, in seconds. */
  setNotes(moments) {
    this.notes = moments;
    this.draw();
  }

  /** Stripes ranges that were removed: `from` and `to` in seconds, and `channels` from 0. */
  setRemoved(ranges) {
    this.removed = ranges;
    this.draw();
  }

  zoom(factor) {
    this.view.zoom(factor, this.position);
  }

  /** Shows a position. With `moving` a focused slider is not announced: it would talk over the call. */
  show(seconds, { moving = false } = {}) {
    const moved = seconds !== this.position;
    this.position = seconds;
    if (!moving || document.activeElement !== this.slider) {
      this.slider.setAttribute("aria-valuenow", Math.floor(seconds));
      this.slider.setAttribute("aria-valuetext", spokenPosition(seconds, this.duration));
    }
    if (moved && this.dragged === null) this.view.follow(seconds);
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
    slider.addEventListener("wheel", (event) => this.pan(event), { passive: false });
  }

  letGo({ seek = true } = {}) {
    const dragged = this.dragged;
    this.dragged = null;
    if (seek && dragged !== null) this.seek(dragged);
    this.draw();
  }

  /** Moves the zoomed view with a horizontal wheel or two fingers; a vertical wheel scrolls the page. */
  pan(event) {
    if (!this.view.isZoomed || Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
    event.preventDefault();
    this.view.pan((event.deltaX / this.width) * this.view.length);
  }

  secondsAt(event) {
    const box = this.slider.getBoundingClientRect();
    return this.view.secondsAt(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  }

  /** Shows the time under the pointer. */
  point(event) {
    const box = this.slider.getBoundingClientRect(), half = 28;
    const left = Math.min(box.width - half, Math.max(half, event.clientX - box.left));
    this.bubble.hidden = false;
    this.bubble.textContent = clock(this.secondsAt(event));
    this.bubble.style.left = `${left}px`;
  }

  /** Fits the canvas to the slider and to the pixels of the screen, and computes the bars again. */
  measure() {
    const { clientWidth: width, clientHeight: height } = this.slider;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    Object.assign(this, { width, height, ratio });
    this.shape();
  }

  /** Computes the bars of the shown part. */
  shape() {
    if (this.width === undefined) return;
    const view = { from: this.view.from / (this.duration || 1), to: this.view.to / (this.duration || 1) };
    this.shapes = this.lanes.map((lane, index) => {
      const channel = this.channels?.[index];
      return channel ? shapeBars(channel, view, this.boxOf(lane, index), this.full) : null;
    });
    this.draw();
  }

  /** Returns where the bars of a lane are: below its name. */
  boxOf(lane, index) {
    const height = this.height / this.lanes.length, name = lane.offsetHeight;
    return { width: this.width, top: index * height + name, height: height - name };
  }

  draw() {
    if (!this.shapes) return;
    const paint = this.canvas.getContext("2d");
    const at = this.view.shareOf(this.dragged ?? this.position) * this.width;
    paint.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    paint.clearRect(0, 0, this.width, this.height);
    this.drawRemoved(paint);
    this.drawMarked(paint);
    this.shapes.forEach((bars, index) => {
      // The stylesheet has the colours for light and dark mode.
      const style = getComputedStyle(this.lanes[index]);
      paint.fillStyle = style.getPropertyValue(this.muted[index] ? "--silent" : "--lane");
      if (!bars) return;
      paint.globalAlpha = FAINT;
      paint.fill(bars);
      paint.globalAlpha = 1;
      paint.save();
      paint.beginPath();
      paint.rect(0, 0, Math.max(0, at), this.height);
      paint.clip();
      paint.fill(bars);
      paint.restore();
    });
    this.drawNotes(paint);
    if (at < -1 || at > this.width + 1) return;
    paint.fillStyle = getComputedStyle(this.slider).color;
    paint.fillRect(Math.min(this.width - 2, Math.max(0, at - 1)), 0, 2, this.height);
  }

  /** Draws a flag at the top, with a thin line, for each note in the view. */
  drawNotes(paint) {
    paint.fillStyle = getComputedStyle(this.slider).getPropertyValue("--accent");
    for (const moment of this.notes) {
      const x = Math.min(this.width - 1, Math.max(1, this.view.shareOf(moment) * this.width));
      if (moment < this.view.from || moment > this.view.to) continue;
      paint.globalAlpha = 0.6;
      paint.fillRect(x - 0.5, 0, 1, this.height);
      paint.globalAlpha = 1;
      paint.fill(new Path2D(`M${x - 4} 0h8v9l-4-3-4 3z`));
    }
  }

  /** Draws the part that is repeated, or the line where it is to begin. */
  drawMarked(paint) {
    const { from, to } = this.marked;
    if (from === null) return;
    const x = this.view.shareOf(from) * this.width;
    paint.fillStyle = getComputedStyle(this.slider).getPropertyValue("--accent");
    paint.globalAlpha = 0.16;
    if (to !== null) paint.fillRect(x, 0, (this.view.shareOf(to) * this.width) - x, this.height);
    paint.globalAlpha = 1;
    for (const edge of [from, to ?? from]) paint.fillRect(this.view.shareOf(edge) * this.width - 1, 0, 2, this.height);
  }

  /** Stripes what was removed, in the lanes of its channels; a short range stays visible. */
  drawRemoved(paint) {
    if (!this.removed.length) return;
    const stripes = paint.createPattern(this.stripes(), "repeat");
    const height = this.height / this.lanes.length;
    paint.fillStyle = stripes;
    for (const { from, to, channels } of this.removed) {
      const x = this.view.shareOf(from) * this.width, end = this.view.shareOf(to) * this.width;
      if (end < 0 || x > this.width) continue;
      for (const lane of channels) {
        const top = Math.min(lane, this.lanes.length - 1) * height;
        paint.fillRect(x, top, Math.max(MIN_STRIPES, end - x), height);
      }
    }
  }

  /** Returns a tile of diagonal stripes in the colour of the text. */
  stripes() {
    const tile = document.createElement("canvas"), paint = tile.getContext("2d");
    tile.width = tile.height = STRIPE;
    paint.strokeStyle = getComputedStyle(this.slider).color;
    paint.globalAlpha = 0.5;
    paint.lineWidth = 2;
    for (const shift of [-STRIPE, 0, STRIPE]) {
      paint.moveTo(shift - 1, STRIPE + 1);
      paint.lineTo(shift + STRIPE + 1, -1);
    }
    paint.stroke();
    return tile;
  }
}

// A range of the audio on its waveform, by mouse, touch and keyboard: it fills in the typed fields, and follows them.

const language = document.documentElement.lang;
// Seconds of a key, of a large step, and of the shortest range.
const STEP = 0.1, LARGE = 5, SHORTEST = 0.1;
// As the vault reads a time: seconds, minutes and seconds, or hours as well.
const CLOCK = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:[.,]\d{1,3})?)$/;

/** Returns the seconds of a typed time; null for another text. */
function read(text) {
  const found = CLOCK.exec(text.trim());
  if (!found) return null;
  const [hours = 0, minutes = 0, seconds] = found.slice(1);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds.replace(",", "."));
}

/** Writes seconds as the fields take them, such as 1:05.5. */
function written(seconds) {
  const tenths = Math.round(seconds * 10), whole = Math.floor(tenths / 10);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = `${String(whole % 60).padStart(2, "0")}.${tenths % 10}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Returns a time as a screen reader says it, such as "1 minute 5.5 seconds". */
function said(seconds) {
  const format = (number, unit) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 }).format(number);
  const minutes = Math.floor(seconds / 60);
  return [minutes ? format(minutes, "minute") : "", format(seconds - 60 * minutes, "second")].filter(Boolean).join(" ");
}

class Range {
  constructor(track) {
    const form = track.closest("form");
    const field = (name) => form.elements[`ranges.0.${name}`];
    this.track = track;
    // What can be chosen has tenths of a second: the last one that is begun would lie behind the end.
    this.seconds = Math.floor(Number(track.dataset.seconds) * 10) / 10;
    this.chosen = track.querySelector(".chosen");
    this.ends = { from: { field: field("from") }, to: { field: field("to") } };
    for (const [name, end] of Object.entries(this.ends)) {
      end.handle = track.querySelector(`[data-end=${name}]`);
      end.field.addEventListener("input", () => this.show());
      end.handle.addEventListener("keydown", (event) => this.press(event, name));
    }
    this.channels = field("channels");
    this.channels?.addEventListener("change", () => this.show());
    for (const one of track.querySelectorAll(".proposed")) this.place(one, Number(one.dataset.from), Number(one.dataset.to));
    this.dragged = null;
    this.listen();
    track.prepend(this.image());
    track.hidden = document.getElementById("range-hint").hidden = false;
    this.show();
  }

  /** Returns the waveform. Each look at it is logged, so it is loaded when the form is opened, not with the page. */
  image() {
    const image = new Image();
    Object.assign(image, { loading: "lazy", alt: "", draggable: false, src: this.track.dataset.waveform });
    return image;
  }

  at(name) {
    return read(this.ends[name].field.value);
  }

  /** Moves an end; it stops before the other one. */
  move(name, seconds) {
    const from = this.at("from") ?? 0, to = this.at("to") ?? this.seconds;
    const [least, most] = name === "from" ? [0, to - SHORTEST] : [from + SHORTEST, this.seconds];
    this.ends[name].field.value = written(Math.max(least, Math.min(most, seconds)));
    this.show();
  }

  press(event, name) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = this.at(name) ?? (name === "from" ? 0 : this.seconds);
    const to = {
      ArrowLeft: at - STEP, ArrowDown: at - STEP, ArrowRight: at + STEP, ArrowUp: at + STEP,
      PageDown: at - LARGE, PageUp: at + LARGE, Home: 0, End: this.seconds,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.move(name, to);
  }

  listen() {
    const track = this.track;
    track.addEventListener("pointerdown", (event) => this.begin(event));
    track.addEventListener("pointermove", (event) => { if (track.hasPointerCapture(event.pointerId)) this.drag(event); });
    track.addEventListener("pointerup", () => { this.dragged = null; });
    track.addEventListener("pointercancel", () => { this.dragged = null; });
  }

  secondsAt(event) {
    const box = this.track.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.seconds;
  }

  /** Takes the handle under the pointer, or begins another range there. */
  begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.track.setPointerCapture(event.pointerId);
    const name = event.target.dataset.end;
    this.dragged = name ? { name } : { start: this.secondsAt(event) };
    if (name) this.ends[name].handle.focus();
  }

  drag(event) {
    if (this.dragged === null) return;
    const { name, start } = this.dragged, at = this.secondsAt(event);
    if (name) return this.move(name, at);
    if (Math.abs(at - start) < SHORTEST) return;
    this.ends.from.field.value = written(Math.min(start, at));
    this.ends.to.field.value = written(Math.max(start, at));
    this.show();
  }

  show() {
    for (const [name, { handle }] of Object.entries(this.ends)) {
      const typed = this.at(name), at = Math.min(this.seconds, typed ?? (name === "from" ? 0 : this.seconds));
      handle.style.left = `${100 * at / (this.seconds || 1)}%`;
      handle.setAttribute("aria-valuenow", at);
      handle.setAttribute("aria-valuetext", typed === null ? this.track.dataset.unset : said(at));
    }
    const [from, to] = [this.at("from"), this.at("to")];
    this.chosen.hidden = from === null || to === null || to <= from;
    if (!this.chosen.hidden) this.place(this.chosen, from, Math.min(to, this.seconds));
    // Each channel has half of the height.
    const channel = this.channels?.value ?? "";
    this.chosen.style.top = channel === "1" ? "50%" : "0";
    this.chosen.style.bottom = channel === "0" ? "50%" : "0";
  }

  place(part, from, to) {
    part.style.left = `${100 * from / (this.seconds || 1)}%`;
    part.style.width = `${100 * (to - from) / (this.seconds || 1)}%`;
  }
}

for (const track of document.querySelectorAll("[data-range]")) new Range(track);

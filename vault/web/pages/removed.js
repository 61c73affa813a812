// The ranges that were removed from the audio: striped in the waveform, and named while the position is in one, so that
// nobody takes their silence for a fault.

export class Removed {
  /** `list` has an entry with `data-from`, `data-to` and `data-channels` for each range; null if nothing was removed. */
  constructor(list, line, waveform) {
    const entries = [...(list?.querySelectorAll("[data-from]") ?? [])];
    this.line = line;
    this.ranges = entries.map((entry) => ({
      from: Number(entry.dataset.from),
      to: Number(entry.dataset.to),
      channels: entry.dataset.channels.split(" ").map(Number),
      text: entry.querySelector("[data-says]").textContent,
    }));
    if (this.ranges.length) waveform.setRemoved(this.ranges);
  }

  /** Says what was removed at a position. It is set only when it changes: a screen reader reads each change. */
  follow(seconds) {
    const here = this.ranges.find(({ from, to }) => seconds >= from && seconds < to);
    const text = here?.text ?? "";
    if (this.line.textContent !== text) this.line.textContent = text;
  }
}

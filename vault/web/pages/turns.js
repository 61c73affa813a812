// Who speaks when, and where nobody does, computed from the levels of the channels. Times are in seconds.

// Silence of at least this length is skipped.
const MIN_SILENCE = 1.5;
// What is left of a silence at its start and its end, so that no word is cut.
const TAIL = 0.3, LEAD = 0.25;
// A skip shorter than this is not worth a seek.
const MIN_SKIP = 0.5;
// A press of "previous" this soon after a turn's start goes to the turn before.
const REWIND = 1.5;
// Who is the louder for this long speaks: a shorter sound may be an echo.
const MIN_TURN = 0.4;
// Silence: below this share of the loud parts, and in any case below the noise of a telephone line.
const QUIET_SHARE = 0.06, NOISE = 0.008;
const LOUD_QUANTILE = 0.95;

export class Turns {
  /** `levels` has for each channel its levels from 0 to 1, at equal distances over `duration`. */
  constructor(levels, duration) {
    this.levels = levels;
    this.duration = duration;
    this.count = levels[0]?.length ?? 0;
    this.step = duration / (this.count || 1);
    this.threshold = Math.max(NOISE, QUIET_SHARE * quantile(levels.flat(), LOUD_QUANTILE));
    // By channel: the silences that ``skip`` jumps over.
    this.silences = new Map();
    this.starts = levels.length > 1 ? this.speakers() : this.sounds();
  }

  /** Returns where to continue if nobody has spoken for a moment at this position; null to play on. */
  skip(seconds, channel) {
    const run = this.silencesOf(channel)[Math.floor(seconds / this.step)];
    if (!run || seconds < run.from + (run.from ? TAIL : 0)) return null;
    const to = run.to >= this.duration ? this.duration : run.to - LEAD;
    return to - seconds >= MIN_SKIP ? to : null;
  }

  /** Returns the start of the next turn; null if there is none. */
  next(seconds) {
    const start = this.starts.find((one) => one - LEAD > seconds + 0.05);
    return start === undefined ? null : start - LEAD;
  }

  /** Returns the start of the present turn, or shortly after it that of the turn before; null if there is none. */
  previous(seconds) {
    const start = this.starts.findLast((one) => one - LEAD < seconds - REWIND);
    return start === undefined ? null : Math.max(0, start - LEAD);
  }

  /** Returns for each bucket the silence that it belongs to: of one channel, or with `null` of all. */
  silencesOf(channel) {
    if (!this.silences.has(channel)) {
      const heard = channel === null ? this.levels : [this.levels[channel]];
      const quiet = (bucket) => heard.every((one) => one[bucket] <= this.threshold);
      this.silences.set(channel, this.runs(quiet));
    }
    return this.silences.get(channel);
  }

  /** Returns for each bucket the run of at least MIN_SILENCE in which `is(bucket)` holds; undefined outside of one. */
  runs(is) {
    const found = new Array(this.count);
    for (let first = 0; first < this.count; first++) {
      if (!is(first)) continue;
      let end = first;
      while (end < this.count && is(end)) end++;
      const run = { from: first * this.step, to: end * this.step };
      if (run.to - run.from >= MIN_SILENCE) found.fill(run, first, end);
      first = end;
    }
    return found;
  }

  /** Returns where the speaker changes: who is the louder for MIN_TURN speaks. */
  speakers() {
    const starts = [], needed = Math.max(1, Math.round(MIN_TURN / this.step));
    let speaker = null, candidate = null, length = 0;
    for (let bucket = 0; bucket < this.count; bucket++) {
      const levels = this.levels.map((one) => one[bucket]);
      const loudest = Math.max(...levels);
      const now = loudest > this.threshold ? levels.indexOf(loudest) : null;
      length = now === candidate ? length + 1 : 1;
      candidate = now;
      if (now === null || now === speaker || length < needed) continue;
      starts.push((bucket - length + 1) * this.step);
      speaker = now;
    }
    return starts;
  }

  /** Returns where sound begins after silence. */
  sounds() {
    const silences = this.silencesOf(null);
    const starts = [];
    for (let bucket = 0; bucket < this.count; bucket++) {
      if (!silences[bucket] && (bucket === 0 || silences[bucket - 1])) starts.push(bucket * this.step);
    }
    return starts;
  }
}

/** Returns the value below which a share of the values lies; 0 without values. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted.length ? sorted[Math.floor(share * (sorted.length - 1))] : 0;
}

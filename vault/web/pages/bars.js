// The bars of the waveform: the shape of one channel, by its loudness, or by its peaks where the vault has only those.
// Peaks of a long call are a wall: in seven seconds there is always a loud sample.

import { quantile } from "./turns.js";

// A bar and the gap after it, in CSS pixels.
const BAR = 2, STEP = 3;
const LANE_PADDING = 4;
// Quiet calls are drawn larger, but noise must not fill the lane: the least full height, from 0 to 1.
const MIN_PEAK = 0.125, MIN_LOUDNESS = 0.03;
// Of the loudness, this share of a recording fits into the lane, and quiet speech is drawn larger than its share.
const FITTING = 0.98, EXPONENT = 0.75;

/** Returns the full height of a lane: the same for all channels, so that they can be compared. */
export function fullHeight(channels) {
  if (isMeasured(channels)) return Math.max(MIN_LOUDNESS, quantile(channels.flatMap((one) => one.levels), FITTING));
  const highest = (peaks) => peaks.reduce((most, peak) => Math.max(most, Math.abs(peak)), 0);
  return Math.max(MIN_PEAK, ...channels.map((one) => highest(one.peaks) / 128));
}

function isMeasured(channels) {
  return channels.every((one) => one.levels);
}

/**
 * Returns the bars of a channel as a path. `view` is the shown part of the recording as shares from 0 to 1, `box` the
 * lane `{width, top, height}` in CSS pixels, and `full` the full height.
 */
export function shapeBars({ peaks, levels }, view, box, full) {
  const path = new Path2D();
  const middle = box.top + box.height / 2, half = box.height / 2 - LANE_PADDING;
  for (let x = 0; x + BAR <= box.width; x += STEP) {
    const from = view.from + (x / box.width) * (view.to - view.from);
    const to = view.from + ((x + STEP) / box.width) * (view.to - view.from);
    const [low, high] = levels ? spread(levels, from, to, full) : extremes(peaks, from, to, full);
    addBar(path, x, Math.min(middle - high * half, middle - BAR / 2), (high - low) * half);
  }
  return path;
}

function addBar(path, x, y, height) {
  const tall = Math.max(BAR, height);
  if (path.roundRect) path.roundRect(x, y, BAR, tall, BAR / 2);
  else path.rect(x, y, BAR, tall);
}

/** Returns the first and the last bucket, exclusive, of a part of the recording. */
function bucketsOf(count, from, to) {
  const first = Math.min(count - 1, Math.floor(from * count));
  return [first, Math.min(count, Math.max(first + 1, Math.floor(to * count)))];
}

function extremes(peaks, from, to, full) {
  const [first, end] = bucketsOf(peaks.length / 2, from, to);
  let low = 0, high = 0;
  for (let bucket = first; bucket < end; bucket++) {
    low = Math.min(low, peaks[2 * bucket]);
    high = Math.max(high, peaks[2 * bucket + 1]);
  }
  return [Math.max(-1, low / 128 / full), Math.min(1, high / 128 / full)];
}

/** Returns both ends of a bar by the root of the mean square of its levels. */
function spread(levels, from, to, full) {
  const [first, end] = bucketsOf(levels.length, from, to);
  let sum = 0;
  for (let bucket = first; bucket < end; bucket++) sum += levels[bucket] ** 2;
  const height = Math.min(1, Math.sqrt(sum / (end - first)) / full) ** EXPONENT;
  return [-height, height];
}

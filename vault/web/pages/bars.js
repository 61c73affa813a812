// The bars of the waveform: shapes of one channel, from its peaks and, where the vault has them, its loudness.

// A bar and the gap after it, in CSS pixels.
export const BAR = 2, STEP = 3;
const LANE_PADDING = 6;
// Quiet calls are drawn larger, but noise must not fill the lane.
const LARGEST_GAIN = 8;
const FULL_SCALE = 128;

/** Returns the gain for the peaks: the same for all channels, so that they can be compared. */
export function gainFor(peaks) {
  const loudest = Math.max(1, ...peaks.map((channel) => channel.reduce((most, peak) => Math.max(most, Math.abs(peak)), 0)));
  return Math.min(LARGEST_GAIN, FULL_SCALE / loudest);
}

/**
 * Returns the bars of a channel as `{peak, loudness}`, two paths; `loudness` is null without levels.
 * `view` is the shown part of the recording as shares from 0 to 1, `box` the lane `{width, top, height}` in CSS pixels.
 */
export function shapeBars({ peaks, levels }, view, box, gain) {
  const peak = new Path2D(), loudness = levels ? new Path2D() : null;
  const middle = box.top + box.height / 2, half = (box.height / 2 - LANE_PADDING) * gain / FULL_SCALE;
  for (let x = 0; x + BAR <= box.width; x += STEP) {
    const from = view.from + (x / box.width) * (view.to - view.from);
    const to = view.from + ((x + STEP) / box.width) * (view.to - view.from);
    const [low, high] = extremes(peaks, from, to);
    addBar(peak, x, Math.min(middle - high * half, middle - BAR / 2), (high - low) * half);
    if (loudness) {
      const height = 2 * meanOf(levels, from, to) * half;
      addBar(loudness, x, middle - Math.max(BAR, height) / 2, height);
    }
  }
  return { peak, loudness };
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

function extremes(peaks, from, to) {
  const [first, end] = bucketsOf(peaks.length / 2, from, to);
  let low = 0, high = 0;
  for (let bucket = first; bucket < end; bucket++) {
    low = Math.min(low, peaks[2 * bucket]);
    high = Math.max(high, peaks[2 * bucket + 1]);
  }
  return [low, high];
}

/** Returns the root of the mean square of levels. */
function meanOf(levels, from, to) {
  const [first, end] = bucketsOf(levels.length, from, to);
  let sum = 0;
  for (let bucket = first; bucket < end; bucket++) sum += levels[bucket] ** 2;
  return Math.sqrt(sum / (end - first));
}

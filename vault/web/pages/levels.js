// What the vault stored of the waveform, and how loud each channel is by it.

/**
 * Loads the waveform of the session at `address`: `channels` to draw, with `{peaks, levels}` for each, and `levels` from
 * 0 to 1 for each. Null if there is none; the recording can still be played, and the line dragged.
 */
export async function loadWaveform(address) {
  try {
    const answer = await fetch(`${address}/waveform`);
    if (!answer.ok) return null;
    const channels = (await answer.json()).channels.map((peaks) => ({ peaks, levels: null }));
    return { channels, levels: channels.map(levelsOf) };
  } catch {
    return null;
  }
}

function levelsOf({ peaks }) {
  return Array.from({ length: peaks.length / 2 }, (_, bucket) => (peaks[2 * bucket + 1] - peaks[2 * bucket]) / 256);
}

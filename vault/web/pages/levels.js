// What the vault stored of the waveform, and how loud each channel is by it.

/**
 * Loads the waveform of the session at `address`: `channels` to draw, with `{peaks, levels}` for each, and `levels` from
 * 0 to 1 for each. Null if there is none; the recording can still be played, and the line dragged.
 */
export async function loadWaveform(address) {
  try {
    const answer = await fetch(`${address}/waveform`);
    if (!answer.ok) return null;
    const { channels: peaks, loudness } = await answer.json();
    // Recordings of earlier releases have no loudness.
    const channels = peaks.map((one, index) => ({ peaks: one, levels: loudness[index]?.map((level) => level / 255) ?? null }));
    return { channels, levels: channels.map(levelsOf) };
  } catch {
    return null;
  }
}

function levelsOf({ peaks, levels }) {
  if (levels) return levels;
  return Array.from({ length: peaks.length / 2 }, (_, bucket) => (peaks[2 * bucket + 1] - peaks[2 * bucket]) / 256);
}

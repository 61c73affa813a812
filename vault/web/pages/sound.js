// Volume and mute, kept in this browser for every recording.

import { read, write } from "./place.js";
import { say } from "./words.js";

const KEY = "callvault.volume";

/** Connects the audio with the mute button and the volume slider. */
export function connectVolume(audio, button, slider) {
  const stored = read(localStorage, KEY);
  if (stored !== null && stored >= 0 && stored <= 1) audio.volume = stored;
  // On iOS only the device's own buttons change the volume, and the property stays 1.
  if (!canSetVolume(audio)) slider.hidden = true;
  slider.addEventListener("input", () => {
    audio.volume = Number(slider.value);
    audio.muted = audio.volume === 0;
  });
  button.addEventListener("click", () => toggleMute(audio));
  audio.addEventListener("volumechange", show);
  show();

  function show() {
    const silent = audio.muted || audio.volume === 0;
    slider.value = audio.muted ? 0 : audio.volume;
    button.setAttribute("aria-label", say(silent ? "unmute" : "mute"));
    button.classList.toggle("muted", silent);
    if (audio.volume > 0) write(localStorage, KEY, audio.volume);
  }
}

export function toggleMute(audio) {
  if (audio.volume === 0) audio.volume = 1;
  else audio.muted = !audio.muted;
}

function canSetVolume(audio) {
  const before = audio.volume;
  audio.volume = before === 1 ? 0.5 : 1;
  const changed = audio.volume !== before;
  audio.volume = before;
  return changed;
}

// Tabs that show the same session: the one that begins to play pauses the others.

/** Calls `pause` when another tab of the session at `address` begins to play, and tells the others when this one does. */
export function playAlone(address, audio, pause) {
  const tabs = new BroadcastChannel(address);
  audio.addEventListener("play", () => tabs.postMessage("play"));
  tabs.addEventListener("message", pause);
}

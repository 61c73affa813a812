// Tabs of the same session: a tab that starts to play pauses the others.

/** Calls `pause` when another tab of the session at `address` starts to play; notifies the others when this one does. */
export function playAlone(address, audio, pause) {
  const tabs = new BroadcastChannel(address);
  audio.addEventListener("play", () => tabs.postMessage("play"));
  tabs.addEventListener("message", pause);
}

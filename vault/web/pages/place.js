// Position, speed and channel of the listener, kept in this tab, so that a reload continues there.

/** Returns what was kept of a session, or null. */
export function recall(address) {
  return JSON.parse(sessionStorage.getItem(address));
}

export function keep(address, place) {
  sessionStorage.setItem(address, JSON.stringify(place));
}

/** Returns the seconds that the page's address asks for, by `#t=90` or `#t=1:30`; null if it asks for none. */
export function requested() {
  const time = /^#t=((\d+:){0,2}\d+(\.\d+)?)$/.exec(location.hash)?.[1];
  return time ? time.split(":").reduce((sum, part) => 60 * sum + Number(part), 0) : null;
}

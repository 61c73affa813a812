// The listener's position, speed and channel, stored in this tab, so that a reload continues there.

/** Returns the stored state of a session, or null. */
export function recall(address) {
  return JSON.parse(sessionStorage.getItem(address));
}

export function keep(address, place) {
  sessionStorage.setItem(address, JSON.stringify(place));
}

/** Returns the start position in the page's URL (`#t=90` or `#t=1:30`) in seconds; null if it has none. */
export function requested() {
  const time = /^#t=((\d+:){0,2}\d+(\.\d+)?)$/.exec(location.hash)?.[1];
  return time ? time.split(":").reduce((sum, part) => 60 * sum + Number(part), 0) : null;
}

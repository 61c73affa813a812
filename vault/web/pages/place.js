// The listener's position, speed and choices. This tab keeps them over a reload; this browser keeps them for the next
// session of the same link. Where the browser stores nothing, every function works and finds nothing.

const PREFIX = "callvault.place.";
// Milliseconds after which a position is deleted: no link and no session lasts longer.
const LIFETIME = 3 * 24 * 3600 * 1000;
// A position this near to the start or the end is not resumed; in seconds.
const EDGE = 3;

/** Returns the place from before a reload of this tab, or null. */
export function recall(address) {
  const [arrival] = performance.getEntriesByType("navigation");
  return ["reload", "back_forward"].includes(arrival?.type) ? read(sessionStorage, address) : null;
}

/** Returns the place at which an earlier page of the link stopped, or null. */
export function resume(name, duration) {
  const place = read(localStorage, PREFIX + name);
  return place && place.at >= EDGE && place.at <= duration - EDGE ? place : null;
}

export function keep(address, name, place) {
  write(sessionStorage, address, place);
  write(localStorage, PREFIX + name, { ...place, kept: Date.now() });
}

/** Deletes the place of a link that cannot be played any more. */
export function forget(name) {
  attempt(() => localStorage.removeItem(PREFIX + name));
}

/** Deletes old places. */
export function prune() {
  attempt(() => {
    for (const key of Object.keys(localStorage)) {
      const kept = key.startsWith(PREFIX) ? read(localStorage, key)?.kept ?? 0 : Infinity;
      if (Date.now() - kept > LIFETIME) localStorage.removeItem(key);
    }
  });
}

/** Returns the start position in the page's URL (`#t=90` or `#t=1:30`) in seconds; null if it has none. */
export function requested() {
  const time = /^#t=((\d+:){0,2}\d+(\.\d+)?)$/.exec(location.hash)?.[1];
  return time ? time.split(":").reduce((sum, part) => 60 * sum + Number(part), 0) : null;
}

/** Returns a stored value, or null. */
export function read(store, key) {
  return attempt(() => JSON.parse(store.getItem(key)));
}

export function write(store, key, value) {
  attempt(() => store.setItem(key, JSON.stringify(value)));
}

/** Storage may be full, or its content that of another version. */
function attempt(act) {
  try {
    return act();
  } catch {
    return null;
  }
}

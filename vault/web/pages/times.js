// Formats of durations and times, for the page and for screen readers.

import { language, locale, say } from "./words.js";

/** Formats seconds like 0:07, 12:34 or 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const [hours, minutes, rest] = parts(whole);
  const tail = String(rest).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** Formats seconds like "1 hour 2 minutes 3 seconds", in the page's language. */
export function spoken(seconds) {
  const [hours, minutes, rest] = parts(Math.max(0, Math.floor(seconds || 0)));
  const words = [[hours, "hour"], [minutes, "minute"], [rest, "second"]]
    .filter(([number, unit]) => number || (unit === "second" && !hours && !minutes))
    .map(([number, unit]) => new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(number));
  return words.join(" ");
}

/** Returns a position in a recording for screen readers, such as "15 seconds of 30 seconds". */
export function spokenPosition(seconds, duration) {
  return say("of", { position: spoken(seconds), duration: spoken(duration) });
}

/** Formats a time in the listener's time zone. */
export function localMoment(text) {
  return new Intl.DateTimeFormat(locale, {
    weekday: "long", year: "numeric", month: "long", day: "numeric",
    hour: "numeric", minute: "2-digit", timeZoneName: "short",
  }).format(new Date(text));
}

/** Returns a language's name in the page's language; a tag that the browser does not know is returned unchanged. */
export function languageName(tag) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(tag);
  } catch {
    return tag;
  }
}

function parts(whole) {
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
}

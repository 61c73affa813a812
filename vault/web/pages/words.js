// The texts of the page in its language, and the locale for dates, numbers and units.

export const language = document.documentElement.lang;
// A listener with `fr-CA` gets the dates of Canada on the French page.
export const locale = navigator.languages?.find((one) => one.split("-")[0] === language) ?? language;
// Pages of the console have no texts for scripts.
const texts = JSON.parse(document.getElementById("player")?.dataset.texts ?? "{}");

/** Returns a text, with `{name}` replaced by the value of that name. */
export function say(key, values = {}) {
  return texts[key].replace(/{(\w+)}/g, (_, name) => values[name]);
}

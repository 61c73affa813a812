// Small helps for the console's pages; each page works without them.

import { locale } from "./words.js";

const short = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
// A day has no zone: midnight in UTC is the day before in America.
const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const long = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });

/** Shows the times of a part of the page in the page's language and the reader's time zone. */
function showTimes(part) {
  for (const one of part.querySelectorAll("time[datetime]")) {
    if (!one.dateTime.includes("T")) {
      one.textContent = day.format(new Date(one.dateTime));
      continue;
    }
    one.title = long.format(new Date(one.dateTime));
    one.textContent = short.format(new Date(one.dateTime));
  }
}
showTimes(document);

/** Says once for all times of the page in which zone they are shown. */
function showZone(line) {
  line.querySelector("b").textContent = short.resolvedOptions().timeZone.replaceAll("_", " ");
  line.hidden = document.querySelector('time[datetime*="T"]') === null;
}
document.querySelectorAll("[data-zone]").forEach(showZone);

// A page that comes back with an error shows its dialog as the modal that it was.
for (const dialog of document.querySelectorAll("dialog[open]")) {
  dialog.close();
  dialog.showModal();
}

// Browsers that do not know ``command`` yet.
if (!("commandForElement" in HTMLButtonElement.prototype)) {
  for (const button of document.querySelectorAll("button[commandfor]")) {
    const dialog = document.getElementById(button.getAttribute("commandfor"));
    const close = button.getAttribute("command") === "close";
    button.addEventListener("click", () => (close ? dialog.close() : dialog.showModal()));
  }
}

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = button.dataset.done;
  });
}

// All of a list at once; then single ones can be unticked, which the form says with `one_by_one`.
for (const all of document.querySelectorAll("[data-ticks]")) {
  all.addEventListener("change", () => {
    all.form.elements.one_by_one.value = all.checked ? "yes" : "";
    for (const one of all.form.querySelectorAll(`[name="${all.dataset.ticks}"]`)) one.checked = all.checked;
  });
}

/** Asks for a part of the page again while it is seen; an unchanged one costs the server little. */
async function refresh(part, tag) {
  let seen = tag;
  try {
    if (document.visibilityState === "visible") {
      const answer = await fetch(part.dataset.poll, { headers: tag ? { "If-None-Match": tag } : {}, redirect: "error" });
      if (answer.status === 200) {
        const opened = [...part.querySelectorAll("details")].map((one) => one.open);
        const focused = part.contains(document.activeElement);
        if (!focused) {
          const body = new DOMParser().parseFromString(await answer.text(), "text/html").body;
          showTimes(body);
          part.replaceChildren(...body.childNodes);
          [...part.querySelectorAll("details")].forEach((one, place) => { one.open = Boolean(opened[place]); });
          seen = answer.headers.get("ETag");
        }
      }
    }
  } catch {
    return; // The session is over, or the server is away: the page stays as it is.
  }
  setTimeout(refresh, 10_000, part, seen);
}
for (const part of document.querySelectorAll("[data-poll]")) {
  setTimeout(refresh, 10_000, part, null);
}

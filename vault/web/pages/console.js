// Small helps for the console's pages; each page works without them.

const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const long = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
for (const one of document.querySelectorAll("time[datetime]")) {
  one.title = long.format(new Date(one.dateTime));
  one.textContent = short.format(new Date(one.dateTime));
}

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

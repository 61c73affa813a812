// The link's page: hands the moment in its address (`/p/TOKEN#t=90`) on to the player.
// A fragment is never sent to the server, and browsers keep it over the redirect that follows the form.

import { requested } from "./place.js";

function pass() {
  if (requested() === null) return;
  for (const form of document.forms) form.action = withMoment(form.action);
  for (const link of document.querySelectorAll("a.primary")) link.href = withMoment(link.href);
}

function withMoment(address) {
  return `${address.split("#")[0]}${location.hash}`;
}

pass();
addEventListener("hashchange", pass);

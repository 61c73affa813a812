// The tab with a form whose session had ended goes on as soon as another tab has signed in.
const channel = new BroadcastChannel("callvault-signed-in");
const form = document.querySelector("form[data-after-sign-in]");
if (form) channel.addEventListener("message", () => form.requestSubmit());
else channel.postMessage("signed in");

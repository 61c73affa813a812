// Makes passkeys and signs in with them (WebAuthn). The form says what to ask for, and takes the answer.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

class PasskeyForm {
  constructor(form) {
    this.form = form;
    this.said = form.querySelector("[role=alert]");
    // Ends the question that waits in the autofill of the page when the button is pressed.
    this.waiting = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
  }

  /** Passkeys belong to names: a page of 127.0.0.1 leads to localhost. */
  leave() {
    const { origin } = this.form.dataset;
    if (location.origin === origin) return false;
    location.replace(origin + location.pathname + location.search);
    return true;
  }

  async ask(mediation) {
    this.waiting?.abort();
    this.waiting = new AbortController();
    const { signal } = this.waiting;
    try {
      const credential = await this.credential(await this.options(), signal, mediation);
      this.form.elements.answer.value = JSON.stringify(this.answer(credential));
      this.form.submit();
    } catch (error) {
      if (signal.aborted || mediation) return;
      this.show(error instanceof TypeError ? "away" : "refused");
    }
  }

  async options() {
    const answer = await fetch(this.form.dataset.options, { method: "POST", cache: "no-store" });
    if (!answer.ok) throw new TypeError(answer.status);
    return answer.json();
  }

  credential(said, signal, mediation) {
    const challenge = bytes(said.challenge);
    if (this.form.dataset.passkey === "get") {
      const publicKey = { challenge, rpId: said.domain, userVerification: "required" };
      if (said.allow) publicKey.allowCredentials = said.allow.map((id) => ({ type: "public-key", id: bytes(id) }));
      return navigator.credentials.get({ publicKey, signal, mediation });
    }
    const publicKey = {
      challenge,
      rp: { id: said.domain, name: "callvault" },
      user: { id: bytes(said.user.id), name: said.user.name, displayName: said.user.name },
      pubKeyCredParams: said.algorithms.map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: said.exclude.map((id) => ({ type: "public-key", id: bytes(id) })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
    };
    return navigator.credentials.create({ publicKey, signal });
  }

  answer(credential) {
    const { response } = credential;
    const found = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) found.attestationObject = text(response.attestationObject);
    if (response.authenticatorData) found.authenticatorData = text(response.authenticatorData);
    if (response.signature) found.signature = text(response.signature);
    if (response.userHandle) found.userHandle = text(response.userHandle);
    return { type: credential.type, rawId: text(credential.rawId), response: found };
  }

  show(key) {
    this.said.textContent = this.form.dataset[key];
    this.said.hidden = false;
  }
}

async function begin(form) {
  const page = new PasskeyForm(form);
  if (!window.PublicKeyCredential) {
    page.show("unsupported");
    form.querySelector("button").disabled = true;
    return;
  }
  if (form.dataset.passkey === "create") page.leave();
  else if (location.origin !== form.dataset.origin) form.addEventListener("submit", () => page.leave());
  else if (form.elements.next && await PublicKeyCredential.isConditionalMediationAvailable?.()) page.ask("conditional");
}

document.querySelectorAll("form[data-passkey]").forEach(begin);

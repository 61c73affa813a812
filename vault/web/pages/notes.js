// The listener's own notes: their marks on the waveform, and their forms, which are sent without leaving the page.

import { clock } from "./times.js";
import { say } from "./words.js";

export class Notes {
  /** `marked(moments)` draws moments in seconds; `position()` is the present one. Without a section nothing happens. */
  constructor({ marked, position }) {
    Object.assign(this, { marked, position, sending: false });
    // The section is replaced after each form, so what is listened to is the page.
    document.addEventListener("submit", (event) => {
      if (!this.section?.contains(event.target)) return;
      event.preventDefault();
      this.send(event.target, event.submitter);
    });
    // The moment of a new note is that at which the listener begins to write.
    for (const kind of ["focusin", "input"]) document.addEventListener(kind, (event) => this.touch(event.target));
    document.addEventListener("focusout", (event) => this.leave(event.target));
    this.show();
  }

  get section() {
    return document.getElementById("notes");
  }

  /** The form of a new note; null if there is none. */
  get form() {
    return document.getElementById("new-note");
  }

  show() {
    if (!this.section) return;
    this.marked([...this.section.querySelectorAll("[data-at]")].map((note) => Number(note.dataset.at)));
    this.follow();
  }

  /** Lets the moment of a new note follow the position, until the listener writes. */
  follow() {
    const form = this.form;
    if (!form || form.dataset.at || form.elements.text.value) return;
    const now = clock(this.position());
    if (form.elements.at.value !== now) form.elements.at.value = now;
  }

  touch(field) {
    if (!this.form || field.form !== this.form || !field.name || this.form.dataset.at) return;
    this.follow();
    this.form.dataset.at = this.form.elements.at.value;
  }

  leave(field) {
    const form = this.form;
    if (!form || field.form !== form) return;
    if (!form.elements.text.value && form.elements.at.value === form.dataset.at) delete form.dataset.at;
  }

  /** Goes to the text of a new note. */
  write() {
    this.form?.elements.text.focus();
  }

  /** Sends a form by one of its buttons, to the button's own address if it has one. */
  async send(form, button) {
    if (this.sending) return;
    this.sending = true;
    // What was said of the form before is no answer to this one; a screen reader reads the same words again.
    this.tell("");
    this.follow();
    try {
      const answer = await fetch(button?.getAttribute("formaction") ?? form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const section = page.getElementById("notes");
      if (!section) throw new Error("There are no notes on this page.");
      this.replace(section, form, answer.ok);
    } catch {
      this.tell(say("note_failed"));
    } finally {
      this.sending = false;
    }
  }

  /** Shows the section of an answer. What was begun in the form of a new note is not lost by a change of another. */
  replace(section, form, saved) {
    const begun = form === this.form ? null : this.form;
    this.section.replaceWith(document.adoptNode(section));
    if (begun?.elements.text.value && this.form) this.form.replaceWith(begun);
    this.show();
    if (saved) this.tell(say("note_saved"));
    document.getElementById("notes-title").focus({ preventScroll: true });
  }

  tell(text) {
    this.section.querySelector(".told").textContent = text;
  }
}

// Keyboard shortcuts of the player, and the dialog that lists them.

import { read, write } from "./place.js";

const KEY = "callvault.single_keys";

/**
 * Calls `act(key, target)` for keys that are pressed in the player or nowhere in particular; it returns whether it used
 * the key. Shortcuts of one character can be switched off (WCAG 2.2, 2.1.4): speech input types them by accident.
 */
export class Keys {
  constructor(player, dialog, { closed, act }) {
    Object.assign(this, { player, dialog, closed, act });
    this.single = dialog.querySelector("input");
    this.single.checked = read(localStorage, KEY) !== false;
    this.single.addEventListener("change", () => write(localStorage, KEY, this.single.checked));
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  help() {
    this.dialog.showModal();
  }

  pressed(event) {
    if (this.closed() || this.dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target !== document.body && !this.player.contains(target)) return;
    // Inputs and buttons keep their own keys.
    if (target.matches("input, select, textarea")) return;
    if (event.key === " " && target.matches("button, a, summary")) return;
    const character = event.key.length === 1;
    if (character && event.key !== " " && !this.single.checked) return;
    if (this.act(character ? event.key.toLowerCase() : event.key, target)) event.preventDefault();
  }
}

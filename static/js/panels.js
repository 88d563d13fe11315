/** The ways to the panels and dialogs, which `later.js` loads at the first use. */

import { find } from "./dom.js";
import { withExtras } from "./later.js";

/**
 * @typedef {object} Source What the panels show.
 * @property {() => import("./client/session.js").Session | null} session
 * @property {() => import("./notifications.js").Notifications | null} notifications Of the present user.
 * @property {() => {rooms: string[], past: string[]} | null} rooms Null while nobody is in the chat.
 * @property {(name: string) => void} onOpen The person chose a room.
 */

/** @typedef {ReturnType<import("./later.js").Extras["makePanels"]>} Panels */

/** @param {Source} source */
export function followPanels(source) {
  /** @type {Panels | null} */
  let panels = null;
  /** @param {(panels: Panels) => void} use */
  const use = (use) => withExtras(({ makePanels }) => use((panels ??= makePanels(source))));

  find("#notify", HTMLButtonElement).addEventListener("click", () => use(({ notify }) => notify.open()));
  find("#details", HTMLElement).addEventListener("toggle", () => use(({ details }) => details.toggled()));
  document.addEventListener("keydown", (event) => {
    const isShortcut = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";
    const isCovered = document.querySelector("dialog[open]:not(#switcher)") !== null;
    if (!isShortcut || isCovered || source.rooms() === null) return;
    event.preventDefault();
    use(({ switcher }) => switcher.toggle());
  });
}

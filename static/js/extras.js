/** What nobody needs before they act. `later.js` loads it. */

import { Details } from "./details.js";
import { NotifyDialog } from "./notifydialog.js";
import { Switcher } from "./switcher.js";

export { Completion } from "./completion.js";
export { followCopies } from "./copying.js";
export { Menu } from "./menu.js";
export { roomOptions } from "./roomoptions.js";
export { shortcutRows } from "./shortcutlist.js";

/**
 * Make the panels and dialogs, once.
 *
 * @param {import("./panels.js").Source} source
 */
export function makePanels({ session, notifications, rooms, onOpen }) {
  return { details: new Details(session), notify: new NotifyDialog(notifications), switcher: new Switcher({ rooms, onOpen }) };
}

/**
 * Loads the part of the page that nobody needs before they act, `extras.js`: panels, dialogs, menus, and the
 * lists of names and emoji. The first key or press in the chat starts that, so the part is mostly there
 * before its first use.
 *
 * Without an answer, the next use tries again. After an update of the server the part may be gone: then a
 * message asks the person to reload the page, which keeps their texts.
 */

import { t } from "./messages.js";

/** @typedef {typeof import("./extras.js")} Extras */

/** @type {Promise<Extras> | null} */
let extras = null;
let failures = 0;
/** @param {string} _text */
let showError = (_text) => {};
/** @param {Extras} _extras */
let begin = (_extras) => {};

/**
 * @param {HTMLElement} page The first key or press there loads the part.
 * @param {object} listener
 * @param {(extras: Extras) => void} listener.onLoaded Called once, before the first use.
 * @param {(text: string) => void} listener.onError Shows a message to the person.
 */
export function followFirstAct(page, { onLoaded, onError }) {
  begin = onLoaded;
  showError = onError;
  const prefetch = () => load().catch((error) => console.info("the extras did not load:", error));
  for (const act of ["keydown", "pointerdown"]) page.addEventListener(act, prefetch, { once: true, capture: true });
}

/** @param {(extras: Extras) => void} use Called at once or later; never, with a message, if the part does not load. */
export async function withExtras(use) {
  let loaded;
  try {
    loaded = await load();
  } catch (error) {
    console.info("the extras did not load:", error);
    showError(t("page.part-missing"));
    return;
  }
  use(loaded);
}

function load() {
  // Under the same address, some browsers would not fetch a failed module again.
  extras ??= import("./extras.js" + (failures > 0 ? `?${failures}` : "")).then(
    (loaded) => {
      begin(loaded);
      return loaded;
    },
    (error) => {
      extras = null;
      failures += 1;
      throw error;
    },
  );
  return extras;
}

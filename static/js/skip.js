/**
 * Ways from one region of the chat to another without the elements between: links at the start of the page,
 * and F6 (Shift+F6 backwards), as in desktop programs.
 */

import { find } from "./dom.js";

/** Where the focus goes in each region, in the order of F6: the first of these elements that can have it. */
const REGIONS = [
  ["rooms", "#rooms-list [aria-current]", "#rooms-list :is(a, button)"],
  ["scroller", "#scroller"],
  ["text", "#text"],
  ["people", "#people-list"],
];

/** @param {HTMLElement} root The chat, with its regions and the links to them. */
export function followSkips(root) {
  root.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest(".skip-links a") : null;
    const region = REGIONS.find(([id]) => link?.getAttribute("href") === `#${id}`);
    if (region === undefined) return;
    event.preventDefault(); // the address names a room
    const isThere = focusRegion(root, region);
    if (!isThere) find(`#${region[0]}-toggle`, HTMLButtonElement, root).click(); // a closed drawer
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "F6" || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const step = event.shiftKey ? -1 : 1;
    const present = REGIONS.findIndex(([id]) => root.querySelector(`#${id}`)?.contains(document.activeElement));
    const count = REGIONS.length;
    for (let steps = 1; steps <= count; steps += 1) {
      if (focusRegion(root, REGIONS[(present + step * steps + count * 2) % count])) return;
    }
  });
}

/**
 * @param {HTMLElement} root
 * @param {string[]} region
 * @returns {boolean} False if nothing there can have the focus: a narrow screen hides the lists.
 */
function focusRegion(root, [, ...selectors]) {
  for (const selector of selectors) {
    const element = root.querySelector(selector);
    if (!(element instanceof HTMLElement)) continue;
    element.focus();
    if (document.activeElement === element) return true;
  }
  return false;
}

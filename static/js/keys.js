/** What keys mean on this device. */

/**
 * A phone or a tablet: its keyboard has no Shift that a person could hold while pressing Enter.
 *
 * @returns {MediaQueryList} It changes when a tablet gets a mouse.
 */
export function touchQuery() {
  return matchMedia("(pointer: coarse) and (hover: none)");
}

/** Whether the command key is ⌘ and not Ctrl. */
export const isApple = /mac|iphone|ipad/i.test(globalThis.navigator?.platform ?? "");

/**
 * @param {Pick<KeyboardEvent, "ctrlKey" | "metaKey" | "altKey">} event
 * @param {boolean} [onApple]
 * @returns {boolean} Whether the command key is down, and no other modifier. On Apple's systems Ctrl with
 *   a letter moves the caret.
 */
export function hasCommand(event, onApple = isApple) {
  if (event.altKey) return false;
  return onApple ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
}

/**
 * @param {KeyboardEvent} event
 * @param {boolean} onTouch Whether the device has no other keyboard than its screen.
 * @returns {boolean} Whether the key sends the text; any other Enter starts a new line.
 */
export function isSending(event, onTouch) {
  if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return false;
  if (event.ctrlKey || event.metaKey) return true;
  // A keyboard on a screen has no key codes. Firefox and Chromium on Android leave the code empty.
  return !onTouch && event.code !== "";
}

/**
 * @param {KeyboardEvent} event
 * @returns {boolean} Whether an input method is composing, so that Enter picks a candidate. Safari
 *   reports it with the old key code only.
 */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/**
 * Helpers of the tests inside the page: each in a page of its own, with `server.js` in the server's place.
 *
 * A file `*.page.js` exports `tests`: functions by the fact that they show.
 */

const PATIENCE_MS = 15_000;

/** `server.js` has made it. @type {any} */
export const server = globalThis.chatServer;

export const one = (selector) => {
  const element = document.querySelector(selector);
  if (element === null) throw new Error(`nothing matches ${selector}`);
  return element;
};
export const all = (selector) => [...document.querySelectorAll(selector)];

/** The row of a stored event. */
export const row = (seq) => one(`#messages [data-seq="${seq}"]`);

export const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Let the page draw what has changed, which may take it half a second. */
export async function drawn() {
  const until = performance.now() + 700;
  while (performance.now() < until) await frame();
}

/** Wait until a fact holds. */
export async function until(what, fact) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!fact()) {
    if (performance.now() > deadline) throw new Error(`no ${what} in time`);
    await frame();
  }
}

export function equal(actual, expected, what = "") {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${what}: ${one} is not ${other}`);
}

export function ok(fact, what) {
  if (!fact) throw new Error(what);
}

/** Join the chat. */
export async function join(name = "ann") {
  one("#name").value = name;
  one("#join-form").requestSubmit();
  await until("messages", () => all("#messages [data-key]").length > 1 || server.events.length === 0);
  await drawn();
}

/** Whether an element is in the view of the log. */
export function isInView(element) {
  const [inner, outer] = [element, one("#scroller")].map((part) => part.getBoundingClientRect());
  return inner.height > 0 && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
}

/** The first row in the view of the log, and its distance from the top of the view. */
export function place() {
  const { top } = one("#scroller").getBoundingClientRect();
  const first = all("#messages .message").find((line) => line.getBoundingClientRect().bottom > top);
  return { seq: first?.dataset.seq, offset: first?.getBoundingClientRect().top - top };
}

/** Write a text into a field, as a person does. */
export function write(field, text) {
  field.value = text;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/** Select from the beginning of one element to the end of another. */
export function select(first, last = first) {
  const range = document.createRange();
  range.setStart(first, 0);
  range.setEnd(last, last.childNodes.length);
  getSelection()?.removeAllRanges();
  getSelection()?.addRange(range);
}

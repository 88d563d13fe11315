/**
 * The page in a frame of another site, which `--embed-origin` allows. The page around it hands over the
 * token in a message between the two windows, so that no address, and no history, ever contains it.
 *
 *     page   → around { type: "trio-chat:token-wanted" }    at the start, and before a token expires
 *     around → page   { type: "trio-chat:token", token }    at any time
 *
 * The browser shows the page only in frames of the origins that the server allows (`frame-ancestors`), so
 * a message from the window around it comes from one of them.
 */

export const isFramed = globalThis.parent !== globalThis.self;

/** A site may hand over the same token each time, which expires as soon as the one before. */
const ASK_INTERVAL_MS = 5_000;

let lastAskedMs = -ASK_INTERVAL_MS;
let isAsking = false;

/**
 * Ask the page around this one for a token, now or once the interval has passed since the last time.
 *
 * The request holds no secret, so any page may read it.
 */
export function askForToken() {
  if (!isFramed || isAsking) return;
  isAsking = true;
  setTimeout(() => {
    isAsking = false;
    lastAskedMs = Date.now();
    globalThis.parent.postMessage({ type: "trio-chat:token-wanted" }, "*");
  }, lastAskedMs + ASK_INTERVAL_MS - Date.now());
}

/** @param {(token: string) => void} take Called with each token from the page around this one. */
export function followTokens(take) {
  if (!isFramed) return;
  globalThis.addEventListener("message", ({ source, data }) => {
    if (source !== globalThis.parent || data?.type !== "trio-chat:token") return;
    if (typeof data.token === "string") take(data.token);
  });
}

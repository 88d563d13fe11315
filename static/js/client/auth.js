/** Tokens: how a connection offers one, and whether the server requires one. */

/** The subprotocol in the server's answer, whatever else a client offers. */
const SUBPROTOCOL = "trio-chat.v2";

/** The client continues without an answer of the server after this time. */
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * @param {string} token Empty for none.
 * @returns {string[]} The subprotocols to offer with it.
 */
export function subprotocols(token) {
  return token === "" ? [] : [SUBPROTOCOL, `bearer.${token}`];
}

/**
 * @param {string} url Of the chat's socket.
 * @returns {Promise<boolean>} Whether the server is ready, and requires a token.
 */
export async function requiresToken(url) {
  const { isReady, auth } = await askServer(url);
  return isReady && auth === "token";
}

/**
 * @param {string} url Of the chat's socket.
 * @returns {Promise<"token" | "none" | "unknown">} What the server requires of newcomers.
 */
export async function fetchAuthMode(url) {
  const { isReady, auth } = await askServer(url);
  if (auth === "token") return "token";
  // A proxy without a node answers too, and knows nothing of tokens.
  return isReady ? "none" : "unknown";
}

/** @param {string} url */
async function askServer(url) {
  try {
    const ready = new URL("/readyz", url);
    ready.protocol = ready.protocol === "wss:" ? "https:" : "http:";
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const answer = await fetch(ready, { cache: "no-store", signal });
    return { isReady: answer.ok, auth: answer.headers.get("chat-auth") };
  } catch {
    return { isReady: false, auth: null };
  }
}

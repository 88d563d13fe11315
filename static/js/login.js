/**
 * The login of this tab: a token that came in the address, behind `#token=`.
 *
 * It is in the tab's session storage, so that a reload keeps it; it goes with the tab. The server alone
 * judges a token. What is read from it here is only for show.
 */

import { takeTokenFromAddress } from "./address.js";

const KEY = "trio-chat-token";

/** What tokens are made of; anything else could not be offered as a subprotocol. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The subprotocol that the server names in its answer, whatever else is offered. */
const SUBPROTOCOL = "trio-chat.v2";

/** In place of a close code: no socket opened, as the server wants a token, or another than ours. */
export const NEEDS_TOKEN = 401;

/** The server is asked why it let us not in; who has no answer by then goes on without. */
const ASK_TIMEOUT_MS = 5_000;

/**
 * Take the token out of the address, or else out of the tab's storage.
 *
 * @returns {{token: string, name: string, isFromAddress: boolean} | null} Null where there is none; the
 *   name, and with it the token, is empty where it cannot be read.
 */
export function takeLogin() {
  const given = takeFromAddress();
  const token = given ?? recall();
  if (token === null) return null;
  const name = TOKEN.test(token) ? subjectOf(token) : "";
  return { token: name === "" ? "" : token, name, isFromAddress: given !== null };
}

/** Forget the token. */
export function forgetLogin() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was ever kept.
  }
}

/**
 * Follow a link with a token that is opened in this very tab, which alone loads nothing.
 *
 * @param {(login: {token: string, name: string}) => boolean} take Whether the page goes on with it as
 *   it is; else it begins anew.
 */
export function followNewLinks(take = () => false) {
  globalThis.addEventListener("hashchange", () => {
    if (takeFromAddress() !== null && !take(takeLogin())) location.reload();
  });
}

/**
 * @param {string} token Empty for none.
 * @returns {string[]} What to offer with it.
 */
export function subprotocols(token) {
  return token === "" ? [] : [SUBPROTOCOL, `bearer.${token}`];
}

/** @returns {Promise<boolean>} Whether the server is well, and lets in by token alone. */
export async function asksForToken() {
  const { isReady, auth } = await askServer();
  return isReady && auth === "token";
}

/** @returns {Promise<"token" | "none" | "unknown">} What the server requires of newcomers. */
export async function askForAuth() {
  const { isReady, auth } = await askServer();
  if (auth === "token") return "token";
  // A proxy without a node answers too, and knows nothing of tokens.
  return isReady ? "none" : "unknown";
}

async function askServer() {
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    const answer = await fetch("/readyz", { cache: "no-store", signal });
    return { isReady: answer.ok, auth: answer.headers.get("chat-auth") };
  } catch {
    return { isReady: false, auth: null };
  }
}

function takeFromAddress() {
  const token = takeTokenFromAddress();
  if (token === null) return null;
  try {
    sessionStorage.setItem(KEY, token);
  } catch (error) {
    console.warn("the login is not kept over a reload:", error);
  }
  return token;
}

function recall() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function subjectOf(token) {
  try {
    const coded = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(coded), (character) => character.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes));
    return typeof sub === "string" ? sub.trim() : "";
  } catch {
    return "";
  }
}

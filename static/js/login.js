/**
 * The login of this tab: a token that came in the address, after `#token=`, or in a frame from the page
 * around it (`frame.js`).
 *
 * The tab's session storage keeps it over a reload, and it goes with the tab. Only the server verifies a
 * token. The page reads the name in it just to show that name.
 */

import { takeTokenFromAddress } from "./address.js";

const KEY = "trio-chat-token";

/** The form of a token. Nothing else can be offered as a subprotocol. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * @typedef {object} Login
 * @property {string} token Empty for an invalid one.
 * @property {string} name The name in the token; empty with the token.
 * @property {boolean} isFromAddress
 */

/**
 * Take the token from the address, else from the tab's storage.
 *
 * @returns {Login | null} Null for no token at all.
 */
export function takeLogin() {
  const given = takeFromAddress();
  const token = given ?? load();
  return token === null ? null : loginOf(token, given !== null);
}

/**
 * Keep a token for reloads of this tab.
 *
 * @param {string} token
 * @returns {Login}
 */
export function keepLogin(token) {
  try {
    sessionStorage.setItem(KEY, token);
  } catch (error) {
    console.warn("a reload will lose the login:", error);
  }
  return loginOf(token, false);
}

/** Remove the token from the tab's storage. */
export function forgetLogin() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // The browser forbids storage, so it has no token.
  }
}

/**
 * Handle login links opened in this very tab: they change the address and load nothing.
 *
 * @param {(login: Login) => boolean} take Whether the page continues with the login. Otherwise it
 *   reloads.
 */
export function followNewLinks(take = () => false) {
  globalThis.addEventListener("hashchange", () => {
    if (takeFromAddress() === null) return;
    const login = takeLogin();
    if (login === null || !take(login)) location.reload();
  });
}

function takeFromAddress() {
  const token = takeTokenFromAddress();
  if (token !== null) keepLogin(token);
  return token;
}

/**
 * @param {string} token
 * @param {boolean} isFromAddress
 * @returns {Login}
 */
function loginOf(token, isFromAddress) {
  const name = TOKEN.test(token) ? subjectOf(token) : "";
  return { token: name === "" ? "" : token, name, isFromAddress };
}

function load() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/**
 * @param {string} token
 * @returns {string} The name in it; empty if it has none.
 */
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

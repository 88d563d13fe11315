/** The echo page: sends text, and shows the server's replies and how long they took. */

import { Connection, socketUrl } from "./client/connection.js";
import { find, make } from "./dom.js";
import { explainClose } from "./explain.js";
import { followNewLinks, takeLogin } from "./login.js";
import { fillTexts, language, loadTexts, t } from "./messages.js";
import { FollowingScroll } from "./scroll.js";
import { Status } from "./status.js";

// Do this first, so that the token leaves the address whatever else happens.
const login = takeLogin();
followNewLinks();

// All modules have loaded, so js/boot.js has nothing more to show.
find("#loading", HTMLElement).remove();
document.documentElement.lang = language;
await loadTexts();
document.title = t("echo.page");
fillTexts(document);

const text = find("#text", HTMLInputElement);
const sendButton = find("#send", HTMLButtonElement);
const list = find("#messages", HTMLElement);
const scroll = new FollowingScroll(find("#scroller", HTMLElement));
const status = new Status(() => connection.retryNow());
/** When each unanswered text was sent, oldest first. Replies come in the same order. @type {number[]} */
let sentAt = [];
let lastNote = "";

const connection = new Connection(
  socketUrl("/ws/echo", location.href),
  {
    onOpen: () => {
      sentAt = [];
    },
    onText: (reply) => {
      const start = sentAt.shift();
      add("server", t("echo.server"), reply, start === undefined ? "" : `${(performance.now() - start).toFixed(1)} ms`);
    },
    onState: changeState,
  },
  login?.token,
);

find("#echo-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value === "" || !connection.send(text.value)) return;
  sentAt.push(performance.now());
  add("you", t("echo.you"), text.value);
  text.value = "";
});

/** @param {import("./client/connection.js").ConnectionState} state */
function changeState(state) {
  status.show(state);
  const isOpen = state.name === "open";
  text.disabled = !isOpen;
  sendButton.disabled = !isOpen;
  if (isOpen && document.activeElement === document.body) text.focus();
  if (isOpen) addNote("note", "", t("echo.connected"));
  else if ("code" in state) addNote("problem", t("echo.error"), `${explainClose(state.code, state.reason)}.`);
}

/**
 * Add a line for each change, but not for each tick of a wait or each attempt that fails alike.
 *
 * @param {string} kind
 * @param {string} author
 * @param {string} words
 */
function addNote(kind, author, words) {
  if (words !== lastNote) add(kind, author, words);
  lastNote = words;
}

/**
 * @param {string} kind
 * @param {string} author
 * @param {string} words
 * @param {string} [duration]
 */
function add(kind, author, words, duration = "") {
  const row = make("p", `line ${kind}`);
  if (author !== "") row.append(part("author", author), " ");
  row.append(part("words", words));
  if (duration !== "") row.append(" ", part("duration", duration));
  list.append(row);
  scroll.added();
}

/**
 * @param {string} className
 * @param {string} words
 */
function part(className, words) {
  const element = make("span", className, words);
  element.dir = "auto";
  return element;
}

connection.start();

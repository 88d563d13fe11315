/** The chat page: puts the session and the views together. */

import { roomInAddress, showRoomInAddress } from "./address.js";
import { socketUrl } from "./connection.js";
import { Drawer } from "./drawer.js";
import { JoinForm } from "./join.js";
import * as kept from "./kept.js";
import { askForAuth, asksForToken, followNewLinks, forgetLogin, takeLogin } from "./login.js";
import { nameKey } from "./names.js";
import { RoomList } from "./roomlist.js";
import { RoomView } from "./roomview.js";
import { Session } from "./session.js";
import { Status } from "./status.js";
import { showUnread } from "./unread.js";
import { DEFAULT_ROOM, MOST_ROOMS } from "./wire.js";

/** Close code of a connection whose token has ended. */
const TOKEN_ENDED = 4010;

const find = (selector) => document.querySelector(selector);

// All modules are there: js/boot.js has nothing left to say.
find("#loading").remove();

// First of all: whatever else happens, the token is out of the address.
let login = takeLogin();

/** @type {Session | null} */
let session = null;
let current = "";
let ownKey = "";
// The server may show our name in the form first given by another window; the key is the same.
const isSelf = (name) => nameKey(name) === ownKey;

const status = new Status(() => session?.retryNow());
const drawers = ["rooms", "people"].map((name) => new Drawer(find("#chat"), name));
const view = new RoomView(isSelf, countUnread);
const joinForm = new JoinForm(find("#join-form"), join);
const roomList = new RoomList(find("#rooms"), { onOpen: openRoom, onLeave: (name) => session.leaveRoom(name) });

find("#leave").addEventListener("click", () => {
  session?.leave();
  leaveChat("");
});
followNewLinks(takeNewLogin);
globalThis.addEventListener("hashchange", () => {
  if (session !== null && roomInAddress() !== "") openRoom(roomInAddress());
});

function join(name) {
  ownKey = nameKey(name);
  const stay = kept.currentStay();
  const asked = roomInAddress() || stay?.room || "";
  const wanted = new Set([asked, ...kept.rememberedRooms()].filter(Boolean));
  const rooms = wanted.size > 0 ? [...wanted].slice(0, MOST_ROOMS) : [DEFAULT_ROOM];
  const unsent = kept.unsentOf(name);
  const who = { name, device: kept.deviceSecret(), token: login?.token ?? "", rooms, unsent };
  session = new Session(socketUrl("/ws"), who, isSelf, {
    onState: changeState,
    onRoom: (room, what) => {
      view.changed(room, what);
      countUnread();
    },
    onRoomLost: loseRoom,
    onUnsent: (requests) => kept.keepUnsent(name, requests),
    onTrouble: (text) => view.complain(text),
    onTokenEnding: (isEnding) => {
      find("#login-bar").hidden = !isEnding;
    },
    onRefused: (why, code) => {
      if (code === TOKEN_ENDED) endLogin();
      leaveChat(why);
    },
  });
  current = rooms[0];
  // After a reload the page is as it was at once; a newcomer is shown in when let in.
  if (stay !== null) enterChat();
  session.join();
}

function changeState(state) {
  status.show(state);
  const isIn = state.name === "open";
  view.isConnected = isIn;
  if (isIn) enterChat();
}

function enterChat() {
  if (!find("#chat").hidden) return;
  find("#join").hidden = true;
  find("#chat").hidden = false;
  openRoom(current);
}

function openRoom(name) {
  current = name;
  session.joinRoom(name);
  kept.rememberRoom(name);
  kept.keepStay({ name: session.name, room: name });
  showRoomInAddress(name);
  for (const drawer of drawers) drawer.close();
  view.open(session, session.rooms.get(name));
  countUnread();
}

function loseRoom(name) {
  kept.forgetRoom(name);
  view.forget(name);
  const [next = DEFAULT_ROOM] = session.rooms.keys();
  if (name === current) openRoom(next);
  else countUnread();
}

function countUnread() {
  const rooms = [...session.rooms.values()];
  roomList.show(rooms, current);
  showUnread(rooms, current);
}

/** A fresh link for the same person goes on without a gap; any other begins anew. */
function takeNewLogin(fresh) {
  // We are in without a token, so the server asks for none, and the link means nothing.
  if (session?.isIn && login === null) {
    forgetLogin();
    return true;
  }
  if (session === null || !session.isIn || !isSelf(fresh.name)) return false;
  login = fresh;
  session.refreshToken(fresh.token);
  return true;
}

function endLogin() {
  forgetLogin();
  login = null;
  joinForm.release();
}

function leaveChat(why) {
  session = null;
  kept.keepStay(null);
  find("#notice-bar").hidden = true;
  find("#login-bar").hidden = true;
  find("#chat").hidden = true;
  find("#join").hidden = false;
  view.close();
  showUnread([], "");
  joinForm.reopen(why);
}

// Any page can link to this one with a token of its own making. Where the server asks for none, such a
// link must not bring anybody in; where it does not answer, the person decides.
const auth = login === null ? "unknown" : await askForAuth();
if (auth === "none") {
  forgetLogin();
  login = null;
}
if (login?.name && login.isFromAddress && auth === "unknown") joinForm.offer(login.name);
else if (login?.name) joinForm.joinAs(login.name);
else if (login !== null) {
  endLogin();
  joinForm.reopen("The login in this link cannot be read. Ask for a new one.");
} else if (kept.currentStay() !== null) join(kept.currentStay().name);
else if (await asksForToken()) joinForm.askForLink();

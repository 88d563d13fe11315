/** The chat page: puts the session and the views together. */

import { Composer } from "./composer.js";
import { socketUrl } from "./connection.js";
import { Conversation } from "./conversation.js";
import { JoinForm } from "./join.js";
import { followNewLinks, forgetLogin, takeLogin } from "./login.js";
import { nameKey } from "./names.js";
import { People } from "./people.js";
import { FollowingScroll } from "./scroll.js";
import { Session } from "./session.js";
import { Status } from "./status.js";
import { OthersTyping, OwnTyping } from "./typing.js";
import { UnreadTitle } from "./unread.js";

/** Close code of a connection whose token has ended. */
const TOKEN_ENDED = 4010;

const find = (selector) => document.querySelector(selector);

// First of all: whatever else happens, the token is out of the address.
let login = takeLogin();
followNewLinks();

/** @type {Session | null} */
let session = null;
let ownKey = "";
// The server may show our name in the form first given by another window; the key is the same.
const isSelf = (name) => nameKey(name) === ownKey;

const title = new UnreadTitle(document.title);
const status = new Status(() => session?.retryNow());
const scroll = new FollowingScroll(find("#scroller"), find("#jump"));
const conversation = new Conversation(find("#log"), scroll, isSelf);
const people = new People(find("#chat"), isSelf);
const othersTyping = new OthersTyping(find("#typing"), isSelf);
const ownTyping = new OwnTyping((isTyping) => session?.tellTyping(isTyping));
const joinForm = new JoinForm(find("#join-form"), join);
const composer = new Composer(find("#composer"), {
  onSend: (text) => session?.say(text) ?? false,
  onTyped: () => session?.isIn && ownTyping.pressed(),
  onEnded: () => ownTyping.ended(),
});

find("#leave").addEventListener("click", () => {
  session?.leave();
  leaveRoom("");
});

function join(name) {
  session?.leave();
  ownKey = nameKey(name);
  const listener = {
    onHistory: (events) => conversation.rebuild(events),
    onEvent: (event) => {
      conversation.add(event);
      if (event.type === "message" && !isSelf(event.username)) title.added();
    },
    onTyping: (username, isTyping) => othersTyping.set(username, isTyping),
    onPresence: (users, count) => people.show(users, count, name),
    onWarning: (text) => conversation.warn(text),
    onJoined: enterRoom,
    onState: changeState,
    onRefused: (why, code) => {
      if (code === TOKEN_ENDED) endLogin();
      leaveRoom(why);
    },
  };
  session = new Session(socketUrl("/ws"), name, listener, login?.token);
  session.join();
}

function changeState(state) {
  status.show(state);
  const isIn = state.name === "open";
  composer.isConnected = isIn;
  if (isIn) return;
  othersTyping.clear();
  ownTyping.forget();
}

function enterRoom() {
  if (!find("#chat").hidden) return;
  find("#join").hidden = true;
  find("#chat").hidden = false;
  scroll.toEnd();
  composer.focus();
}

function endLogin() {
  forgetLogin();
  login = null;
  joinForm.release();
}

function leaveRoom(why) {
  session = null;
  find("#notice-bar").hidden = true;
  find("#chat").hidden = true;
  find("#join").hidden = false;
  conversation.clear();
  joinForm.reopen(why);
}

if (login?.name) joinForm.joinAs(login.name);
else if (login !== null) {
  endLogin();
  joinForm.reopen("The login in this link cannot be read. Ask for a new one.");
}

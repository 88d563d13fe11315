/**
 * The chat page: connects the session to the views. `start.js` loads it, with all that the join form can do
 * without, and calls `openChat`.
 */

import { placeInAddress } from "./address.js";
import { fetchAuthMode, requiresToken } from "./client/auth.js";
import { TOKEN_EXPIRED } from "./client/closecodes.js";
import { socketUrl } from "./client/connection.js";
import { CurrentSession } from "./client/current.js";
import { DEFAULT_ROOM, MAX_ROOMS } from "./client/wire.js";
import { find } from "./dom.js";
import { Drafts } from "./drafts.js";
import { Drawer } from "./drawer.js";
import { explainClose, explainError } from "./explain.js";
import { askForToken, followTokens } from "./frame.js";
import { install } from "./install.js";
import { mayLeave, warnOfUnsent } from "./leaving.js";
import { followFirstAct } from "./later.js";
import { followNewLinks, forgetLogin, keepLogin } from "./login.js";
import { t } from "./messages.js";
import { Notifications } from "./notifications.js";
import { followPanels } from "./panels.js";
import { Places } from "./places.js";
import { Preferences } from "./preferences.js";
import { RoomList } from "./roomlist.js";
import { stateOf } from "./roomstate.js";
import { RoomView } from "./roomview.js";
import { listenForShortcuts } from "./shortcuts.js";
import { followSkips } from "./skip.js";
import { SentIds } from "./sentids.js";
import { Status } from "./status.js";
import * as storage from "./storage.js";
import { showUnread } from "./unread.js";
import { Redraw } from "./redraw.js";
import { fitAboveKeyboard } from "./viewport.js";

const url = socketUrl("/ws", location.href);

const joinPage = find("#join", HTMLElement);
const chatPage = find("#chat", HTMLElement);
const noticeBar = find("#notice-bar", HTMLElement);
const loginBar = find("#login-bar", HTMLElement);

/** The login of this tab. @type {import("./login.js").Login | null} */
let login = null;
/** @type {import("./join.js").JoinForm} */
let joinForm;

const sessions = new CurrentSession();
/** The half-written texts of the user. @type {Drafts | null} */
let drafts = null;
/** @type {Preferences | null} */
let preferences = null;
/** @type {Notifications | null} */
let notifications = null;
let current = "";
/** The message that the address names when the person joins; 0 for none. */
let linkedSeq = 0;
/** @param {string} name */
const isSelf = (name) => sessions.session?.isSelf(name) ?? false;

const status = new Status(() => sessions.session?.retryNow());
const drawers = ["rooms", "people"].map(
  (name) => new Drawer(chatPage, name, { onOpened: () => places.addLayer(), onClosed: () => places.removeLayer() }),
);
const updates = new Redraw((changed) => {
  for (const [room, parts] of changed) for (const part of parts) view.update(room, part);
  countUnread();
});
const view = new RoomView(isSelf, countUnread);
const roomList = new RoomList(find("#rooms", HTMLElement), {
  onOpen: openRoom,
  optionsOf: ({ roomOptions }, room, isOneOfMany) => {
    if (preferences === null || notifications === null) return [];
    return roomOptions(room, preferences, notifications, isOneOfMany ? askToLeave : null);
  },
});

followFirstAct(chatPage, {
  // A person acts before they can select anything to copy.
  onLoaded: ({ followCopies }) => followCopies(find("#messages", HTMLElement)),
  onError: (text) => view.showError(text),
});
followPanels({
  session: () => sessions.session,
  notifications: () => notifications,
  rooms: () => (sessions.session === null ? null : { rooms: [...sessions.session.rooms.keys()], past: preferences?.past ?? [] }),
  onOpen: openRoom,
});

find("#leave", HTMLButtonElement).addEventListener("click", async () => {
  if (!(await mayLeave(countUnsent())) || sessions.session === null) return;
  drafts?.clear();
  sessions.session.leave();
  places.leave(true);
  leaveChat("");
});
for (const event of ["pagehide", "visibilitychange"]) globalThis.addEventListener(event, () => {
    drafts?.flush();
    updates.flush(); // A hidden page draws no frame, and the last change may wait for one.
  });
listenForShortcuts(chatPage, () => view.focus());
followNewLinks(takeNewLogin);
// After that: a token leaves the address before the address opens a room.
const places = new Places({ onPlace: ({ room, seq }) => openRoom(room, seq), onBack: closeDrawers });
followTokens((token) => {
  const fresh = keepLogin(token);
  if (takeNewLogin(fresh)) return;
  if (sessions.session !== null) leaveChat("");
  login = fresh;
  start();
});

/** @param {string} name */
function join(name) {
  // Enter twice is one join. A name that replaces another ends the first session.
  if (isSelf(name)) {
    sessions.session?.retryNow();
    return;
  }
  const tab = storage.storedTab();
  const place = placeInAddress();
  const first = place.room || tab?.room || "";
  const wanted = new Set([first, ...storage.storedRooms(name)].filter(Boolean));
  const rooms = wanted.size > 0 ? [...wanted].slice(0, MAX_ROOMS) : [DEFAULT_ROOM];
  const unsent = storage.storedRequests(name);
  const sent = new SentIds(name);
  const user = { name, device: storage.deviceSecret(), token: login?.token ?? "", rooms, unsent, sent };
  drafts = new Drafts(name, reviewUnsent);
  preferences = new Preferences(name, countUnread);
  notifications = new Notifications(name, openRoom);
  const session = sessions.start(url, user, {
    onState: changeState,
    onRoom: (room, part) => updates.add(room, part),
    onRoomLost: loseRoom,
    onUnsent: (requests) => {
      storage.storeRequests(name, requests);
      reviewUnsent();
    },
    onError: (error) => view.showError(explainError(error)),
    onTokenExpiring: (isExpiring) => {
      loginBar.hidden = !isExpiring;
      if (isExpiring) askForToken();
    },
    onRefused: ({ code, reason, error }) => {
      if (code === TOKEN_EXPIRED) {
        endLogin();
        askForToken();
      }
      leaveChat(error === null ? explainClose(code, reason) : explainError(error));
    },
  });
  reviewUnsent();
  current = rooms[0];
  linkedSeq = place.seq;
  // After a reload, show the chat at once. A newcomer sees it once the server has accepted them.
  if (tab !== null) enterChat();
  session.join();
}

/** @param {import("./client/connection.js").ConnectionState} state */
function changeState(state) {
  status.show(state);
  const isIn = state.name === "open";
  view.isConnected = isIn;
  if (isIn) enterChat();
}

function enterChat() {
  if (!chatPage.hidden) return;
  joinPage.hidden = true;
  chatPage.hidden = false;
  openRoom(current, linkedSeq);
}

/**
 * @param {string} name
 * @param {number} [seq] Of the message to show; 0 for none.
 */
function openRoom(name, seq = 0) {
  const { session } = sessions;
  if (session === null || drafts === null) return;
  current = name;
  session.joinRoom(name);
  storage.storeRoom(session.name, name);
  preferences?.visit(name);
  storage.storeTab({ name: session.name, room: name });
  places.show({ room: name, seq });
  closeDrawers();
  const room = session.rooms.get(name);
  if (room !== undefined) view.open(session, room, drafts, seq);
  countUnread();
}

function closeDrawers() {
  for (const drawer of drawers) drawer.close();
}

/** @param {string} name */
async function askToLeave(name) {
  if (await mayLeave(countUnsent(name))) leaveRoom(name);
}

/** @param {string} name The person asked to leave it. */
function leaveRoom(name) {
  sessions.session?.leaveRoom(name);
  drafts?.forget(name);
}

/** A closing tab takes the unsent requests along, and the texts that the browser does not store. */
function reviewUnsent() {
  warnOfUnsent((sessions.session?.requests.length ?? 0) > 0 || drafts?.isSaved === false);
}

/**
 * @param {string} [room] Counts this room only.
 * @returns {number} The number of texts that leaving would discard.
 */
function countUnsent(room) {
  const requests = sessions.session?.requests ?? [];
  const texts = requests.filter((one) => one.type !== "delete" && (room === undefined || one.room === room));
  return texts.length + (drafts?.count(room) ?? 0);
}

/**
 * @param {string} name
 * @param {import("./client/outbox.js").Request[]} dropped What the person wrote there becomes a draft.
 */
function loseRoom(name, dropped) {
  storage.forgetRoom(sessions.session?.name ?? "", name);
  const texts = dropped.map(({ message = "" }) => message);
  drafts?.setText(name, [...texts, drafts.text(name)].filter(Boolean).join("\n"));
  const [next = DEFAULT_ROOM] = sessions.session?.rooms.keys() ?? [];
  if (name === current) openRoom(next);
  else countUnread();
}

function countUnread() {
  const { session } = sessions;
  if (session === null || preferences === null) return;
  const { name: ownName, rooms } = session;
  const wishes = preferences;
  for (const room of rooms.values()) notifications?.look(room, wishes.of(room.name), ownName);
  const states = [...rooms.values()].map((room) => stateOf(room, wishes.of(room.name), ownName));
  roomList.show(states, current);
  showUnread(states, current);
}

/**
 * Continue with a new link for the same person.
 *
 * @param {import("./login.js").Login} fresh
 * @returns {boolean} False for any other link: the page must start again.
 */
function takeNewLogin(fresh) {
  const { session } = sessions;
  // The server accepted us without a token, so it requires none, and the link means nothing.
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

/** @param {string} why Empty if the user left. */
function leaveChat(why) {
  // After an expired token the tab still has what was not sent.
  warnOfUnsent((sessions.session?.requests.length ?? 0) > 0);
  sessions.end();
  places.leave(false);
  drafts?.flush();
  drafts = null;
  preferences = null;
  notifications?.closeAll();
  notifications = null;
  storage.storeTab(null);
  // A modal dialog on a hidden page would make the join form inert.
  for (const dialog of chatPage.querySelectorAll("dialog")) dialog.close();
  find("#details", HTMLElement).hidePopover();
  noticeBar.hidden = true;
  loginBar.hidden = true;
  chatPage.hidden = true;
  joinPage.hidden = false;
  view.close();
  showUnread([], "");
  joinForm.reopen(why);
}

/**
 * Begin with what this tab has: a login, a session before a reload, or a name.
 *
 * Any page can link to this one with a token of its own making. If the server requires no token, such a
 * link must not sign anybody in. If the server does not answer, the person decides.
 */
async function start() {
  const auth = login === null ? "unknown" : await fetchAuthMode(url);
  if (auth === "none") {
    forgetLogin();
    login = null;
  }
  const tab = storage.storedTab();
  if (login?.name && login.isFromAddress && auth === "unknown") joinForm.offer(login.name);
  else if (login?.name) joinForm.joinAs(login.name);
  else if (login !== null) {
    endLogin();
    joinForm.reopen(t("login.invalid"));
  } else if (tab !== null) join(tab.name);
  else if (!joinForm.resume() && (await requiresToken(url))) joinForm.askForLink();
}

/**
 * Start the page, once.
 *
 * @param {import("./login.js").Login | null} given The login in the address or the tab.
 * @param {import("./join.js").JoinForm} form
 */
export function openChat(given, form) {
  login = given;
  joinForm = form;
  joinForm.connect(join);
  install();
  fitAboveKeyboard();
  followSkips(chatPage);
  if (login === null) askForToken();
  start();
}

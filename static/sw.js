/**
 * The service worker: the page opens without a network, and connects once there is one.
 *
 * It keeps the shell only: the page, the scripts, styles and pictures that the page names, and further ones of
 * the same version once the page has used them. Messages and tokens never pass here, since sockets and the part
 * of an address after `#` do not. The network comes first, so each visit shows the server's present version,
 * which then replaces the kept one.
 *
 * It also leads from the notification of a room to that room.
 */

/** @typedef {Event & {waitUntil: (work: Promise<unknown>) => void}} WorkerEvent */
/** @typedef {WorkerEvent & {request: Request, respondWith: (answer: Promise<Response>) => void}} FetchEvent */
/** @typedef {WorkerEvent & {notification: Notification}} NotificationClick */
/** @typedef {{url: string, postMessage: (message: unknown) => void, focus: () => Promise<unknown>}} Tab */
/**
 * @typedef {object} Tabs
 * @property {() => Promise<void>} claim
 * @property {(options: {type: "window", includeUncontrolled: boolean}) => Promise<Tab[]>} matchAll The last
 *   focused one first.
 * @property {(url: string) => Promise<unknown>} openWindow
 */
/** @typedef {typeof globalThis & {skipWaiting: () => Promise<void>, clients: Tabs}} ShellWorker */

const SHELL = "trio-chat-shell";
const PAGE = "/";
const FILES = /\s(?:src|href)="(\/static\/[^"]+\.(?:css|js|svg))"/g;

/** The folder of a version of the server, whose files never change. */
const VERSION = /^\/static\/[0-9a-f]{32}\//;

const worker = /** @type {ShellWorker} */ (globalThis);

worker.addEventListener("install", (event) => {
  // A new version does not wait until the last tab of the old one has closed.
  waitFor(event, fetch(PAGE).then(keep).then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => waitFor(event, worker.clients.claim()));

worker.addEventListener("notificationclick", (event) => {
  const { notification } = /** @type {NotificationClick} */ (event);
  notification.close();
  waitFor(event, openRoom(notification.data.room));
});

worker.addEventListener("fetch", (event) => {
  const { request, respondWith } = /** @type {FetchEvent} */ (event);
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && pathname === PAGE) respondWith.call(event, openPage(event, request));
  else if (pathname.startsWith("/static/")) respondWith.call(event, openFile(event, request));
});

/**
 * @param {Event} event
 * @param {Request} request
 */
async function openPage(event, request) {
  try {
    const page = await fetch(request);
    if (page.ok) waitFor(event, keep(page.clone()));
    // A proxy without a server behind it answers too.
    return page.status < 500 ? page : ((await kept(PAGE)) ?? page);
  } catch (error) {
    const page = await kept(PAGE);
    if (page === undefined) throw error;
    return page;
  }
}

/**
 * @param {Event} event
 * @param {Request} request
 */
async function openFile(event, request) {
  const found = await kept(request);
  if (found !== undefined) return found;
  const file = await fetch(request);
  if (file.ok && VERSION.test(new URL(request.url).pathname)) waitFor(event, keepFile(request, file.clone()));
  return file;
}

/**
 * @param {Request} request
 * @param {Response} file
 */
async function keepFile(request, file) {
  await (await caches.open(SHELL)).put(request, file);
}

/** @param {Request | string} request */
function kept(request) {
  return caches.match(request, { ignoreVary: true });
}

/**
 * The person pressed the notification of a room (js/systemnotes.js).
 *
 * @param {string} room
 */
async function openRoom(room) {
  const tabs = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const tab = tabs.find(({ url }) => new URL(url).pathname === PAGE);
  if (tab === undefined) {
    await worker.clients.openWindow(`${PAGE}#/room/${room}`);
    return;
  }
  tab.postMessage({ type: "trio-chat:open-room", room });
  await tab.focus();
}

/**
 * Keep a page with its files, and drop those of other versions.
 *
 * @param {Response} page
 */
async function keep(page) {
  if (!page.ok) return;
  const tag = page.headers.get("etag");
  if (tag !== null && tag === (await kept(PAGE))?.headers.get("etag")) return;
  const files = new Set([...(await page.clone().text()).matchAll(FILES)].map(([, path]) => path));
  const version = [...files].map((file) => VERSION.exec(file)?.[0]).find((folder) => folder !== undefined);
  const shell = await caches.open(SHELL);
  await shell.addAll([...files]); // fails as a whole, so a kept page has all its files
  await shell.put(PAGE, page);
  for (const request of await shell.keys()) {
    const { pathname } = new URL(request.url);
    const isOfPage = files.has(pathname) || (version !== undefined && pathname.startsWith(version));
    if (pathname !== PAGE && !isOfPage) await shell.delete(request);
  }
}

/**
 * @param {Event} event
 * @param {Promise<unknown>} work
 */
function waitFor(event, work) {
  /** @type {WorkerEvent} */ (event).waitUntil(work);
}

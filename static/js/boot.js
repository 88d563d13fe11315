/**
 * Serves the page until its modules run, and repairs a page that loaded only in part: the server, or a
 * proxy before it, may answer 429 or 5xx for some files, and browsers do not retry.
 *
 * This classic script at the head of the page runs before the browser reports a failure. The last module
 * to run, `chat.js` or `echo.js`, removes `#loading`. If this file fails too, css/base.css shows the
 * text of `#loading` after some seconds. The history state survives a reload: it keeps what a person has
 * typed, and a name submitted before the modules run, with which `join.js` continues.
 */
(() => {
  // The texts of the page are in a module, messages.js.
  const isGerman = navigator.language.startsWith("de");
  const JOINING = isGerman ? "Beitritt läuft …" : "Joining…";
  /** @param {number} seconds */
  const failedText = (seconds) =>
    isGerman
      ? `Ein Teil dieser Seite wurde nicht geladen. Neuer Versuch in ${seconds} s …`
      : `Part of this page failed to load. Retrying in ${seconds} s…`;

  const FIRST_DELAY_MS = 1_000;
  const LONGEST_DELAY_MS = 30_000;
  const TICK_MS = 250;

  /** How often in a row this page failed to load. The history state survives a reload. @type {number} */
  const failures = history.state?.failedLoads ?? 0;
  let isBroken = false;

  document.addEventListener("error", ({ target }) => {
    if (target instanceof HTMLLinkElement && target.rel === "stylesheet") reloadStyle(target);
    else if (target instanceof HTMLScriptElement) reloadPage();
  }, true);
  document.addEventListener("trio-chat:part-failed", reloadPage); // from js/start.js
  document.addEventListener("readystatechange", restoreTyped, { once: true }); // before any module runs

  document.addEventListener("submit", (event) => {
    const isPageReady = document.querySelector("#loading") === null;
    if (isPageReady || !(event.target instanceof HTMLFormElement) || event.target.dataset.ready === "") return;
    event.preventDefault();
    const name = event.target.querySelector("input")?.value.trim();
    if (event.target.id !== "join-form" || !name) return;
    history.replaceState({ ...history.state, submittedName: name }, "");
    const button = event.target.querySelector("button");
    if (button !== null) button.textContent = JOINING;
  }, true);

  globalThis.addEventListener("load", () => {
    if (!isBroken && failures > 0) saveFailures(0);
  });

  /**
   * Fetch a style sheet again, without a reload of the page.
   *
   * @param {HTMLLinkElement} link
   */
  function reloadStyle(link, attempts = 0) {
    setTimeout(() => {
      const next = /** @type {HTMLLinkElement} */ (link.cloneNode());
      next.addEventListener("error", (event) => {
        event.stopImmediatePropagation();
        reloadStyle(next, attempts + 1);
      });
      link.replaceWith(next);
    }, delayMs(attempts));
  }

  /** A browser never loads a failed module again in the same document, so reload the page. */
  function reloadPage() {
    if (isBroken) return;
    isBroken = true;
    countDown(failures);
  }

  /** @param {number} attempts */
  function countDown(attempts) {
    const until = performance.now() + delayMs(attempts);
    const tick = async () => {
      const leftMs = until - performance.now();
      show(failedText(Math.max(1, Math.ceil(leftMs / 1000))));
      if (leftMs > 0) setTimeout(tick, TICK_MS);
      else if (await isServerUp()) {
        saveFailures(attempts + 1);
        keepTyped();
        location.reload();
      } else countDown(attempts + 1);
    };
    tick();
  }

  /** A reload without a server would end on the browser's own error page, which never retries. */
  async function isServerUp() {
    try {
      return (await fetch(location.pathname, { method: "HEAD", cache: "no-store" })).ok;
    } catch {
      return false;
    }
  }

  /**
   * Double the delay after each failure. A random part, up to half, keeps pages from retrying together.
   *
   * @param {number} attempts
   */
  function delayMs(attempts) {
    return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempts) * (1 - Math.random() / 2);
  }

  /** @param {number} failedLoads */
  function saveFailures(failedLoads) {
    history.replaceState({ ...history.state, failedLoads }, "");
  }

  function keepTyped() {
    const fields = [...document.querySelectorAll("input, textarea")].filter((field) => field.id !== "");
    const typed = fields.map((field) => [field.id, /** @type {HTMLInputElement} */ (field).value]);
    history.replaceState({ ...history.state, typed }, "");
  }

  function restoreTyped() {
    const { typed = [], ...state } = history.state ?? {};
    for (const [id, text] of typed) {
      const field = document.getElementById(id);
      if (text !== "" && (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)) field.value = text;
    }
    if (typed.length > 0) history.replaceState(state, "");
  }

  /** @param {string} text */
  function show(text) {
    // The parser may not have reached the element yet. A later tick shows the text.
    const line = document.querySelector("#loading");
    if (line === null) return;
    line.classList.add("now");
    if (line.textContent !== text) line.textContent = text;
  }
})();

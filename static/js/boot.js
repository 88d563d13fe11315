/**
 * Watches the page load, and repairs what failed: the server, or a proxy before it, may answer 429 or 5xx
 * for some files, and the browser does not retry by itself.
 *
 * This is a classic script at the head of the page, so it runs before the browser reports any failure. The
 * last module to run, `chat.js` or `echo.js`, removes `#loading`. Should this file fail as well, the line
 * in `#loading` appears by itself after some seconds (css/base.css).
 */
(() => {
  const FIRST_WAIT_MS = 1_000;
  const LONGEST_WAIT_MS = 30_000;
  const TICK_MS = 250;

  /** How often this page has failed to load in a row; the history's state survives a reload. */
  const failures = history.state?.failedLoads ?? 0;
  let isBroken = false;

  document.addEventListener("error", ({ target }) => {
    if (target instanceof HTMLLinkElement && target.rel === "stylesheet") repair(target);
    else if (target instanceof HTMLScriptElement) startAgain();
  }, true);

  globalThis.addEventListener("load", () => {
    if (!isBroken && failures > 0) remember(0);
  });

  /** A style sheet can be fetched again by itself. */
  function repair(link, tries = 0) {
    setTimeout(() => {
      const next = link.cloneNode();
      next.addEventListener("error", (event) => {
        event.stopImmediatePropagation();
        repair(next, tries + 1);
      });
      link.replaceWith(next);
    }, waitMs(tries));
  }

  /** A module that failed stays failed in this document, so only a reload helps. */
  function startAgain() {
    if (isBroken) return;
    isBroken = true;
    countDown(failures);
  }

  function countDown(tries) {
    const until = performance.now() + waitMs(tries);
    const tick = async () => {
      const leftMs = until - performance.now();
      say(`Part of this page did not load. Trying again in ${Math.max(1, Math.ceil(leftMs / 1000))} s…`);
      if (leftMs > 0) setTimeout(tick, TICK_MS);
      else if (await isThere()) {
        remember(tries + 1);
        location.reload();
      } else countDown(tries + 1);
    };
    tick();
  }

  /** A reload while the server is away would end at the browser's own page, which does not come back. */
  async function isThere() {
    try {
      return (await fetch(location.pathname, { method: "HEAD", cache: "no-store" })).ok;
    } catch {
      return false;
    }
  }

  /** Double the wait after each failure; subtract up to half at random, so that pages do not retry together. */
  function waitMs(tries) {
    return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (1 - Math.random() / 2);
  }

  function remember(failedLoads) {
    history.replaceState({ ...history.state, failedLoads }, "");
  }

  function say(text) {
    // The parser may not have reached the line yet; then a later tick shows it.
    const line = document.querySelector("#loading");
    if (line === null) return;
    line.classList.add("now");
    if (line.textContent !== text) line.textContent = text;
  }
})();

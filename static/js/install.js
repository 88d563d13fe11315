/** Registers the service worker, which lets the page open without a network (static/sw.js). */

import { isFramed } from "./frame.js";

const { trustedTypes } = /** @type {any} */ (globalThis);

const WORKER = "/sw.js";

/** Browsers have service workers on `https` and on the own machine only. Elsewhere this does nothing. */
export function install() {
  const container = navigator.serviceWorker;
  if (isFramed || container === undefined) return;
  const register = () => {
    // The page's policy demands a trusted address here. This one, and no other, is trusted.
    const policy = trustedTypes?.createPolicy("service-worker", { createScriptURL: () => WORKER });
    const url = policy?.createScriptURL(WORKER) ?? WORKER;
    container.register(url).catch((error) => console.info("no service worker:", error));
  };
  // It must not compete with the page for a slow line.
  if (document.readyState === "complete") register();
  else globalThis.addEventListener("load", register, { once: true });
}

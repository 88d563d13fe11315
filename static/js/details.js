/** The panel that opens from the state of the connection: for a person who looks for a fault. */

import { find, make } from "./dom.js";
import { explainClose } from "./explain.js";
import { locale, t } from "./messages.js";

/** The panel shows the present values this often while it is open, in milliseconds. */
const SHOW_EVERY_MS = 1_000;

/** It measures the round trip each time the values were shown so often. */
const MEASURE_EVERY = 5;

const CLOCK = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });

/** The view of `Session.details`. */
export class Details {
  #panel = find("#details", HTMLElement);
  #list = find("#details-list", HTMLElement);
  #session;
  /** @type {number | undefined} */
  #timer;
  #turn = 0;

  /** @param {() => import("./client/session.js").Session | null} session */
  constructor(session) {
    this.#session = session;
  }

  /** The panel has opened or closed. */
  toggled() {
    clearTimeout(this.#timer);
    this.#turn = 0;
    if (this.#panel.matches(":popover-open")) this.#show();
  }

  #show() {
    const session = this.#session();
    const details = session?.details();
    if (session?.isIn && (this.#turn % MEASURE_EVERY === 0 || details?.roundTripMs === null)) session.check();
    this.#turn += 1;
    if (details !== undefined) this.#list.replaceChildren(...rows(details).flatMap(row));
    this.#timer = setTimeout(() => this.#show(), SHOW_EVERY_MS);
  }
}

/**
 * @param {ReturnType<import("./client/session.js").Session["details"]>} details
 * @returns {[label: string, value: string][]}
 */
function rows({ roundTripMs, unansweredRequests, eventAt, receivedAt, openedAt, attempts, closeCode }) {
  /** @type {[string, string][]} */
  const shown = [
    [t("details.round-trip"), roundTripMs === null ? t("details.unknown") : t("details.milliseconds", { count: Math.round(roundTripMs) })],
    [t("details.queue"), t("details.queue-count", { count: unansweredRequests })],
    [t("details.event"), time(eventAt)],
    [t("details.received"), time(receivedAt)],
  ];
  if (openedAt !== null) shown.push([t("details.opened"), time(openedAt)]);
  if (attempts > 0) shown.push([t("details.attempts"), String(attempts)]);
  if (closeCode === null) return shown;
  const end = t("details.end-code", { reason: explainClose(closeCode, ""), code: String(closeCode) });
  return [...shown, [t("details.end"), end]];
}

/** @param {number | null} ms Since 1970. */
function time(ms) {
  return ms === null ? t("details.unknown") : CLOCK.format(ms);
}

/** @param {[label: string, value: string]} row */
function row([label, value]) {
  return [make("dt", "", label), make("dd", "", value)];
}

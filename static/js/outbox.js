/**
 * What this person has asked for and the server has not yet answered: messages, edits, deletes.
 *
 * The law of this file: one request is under way at a time, the oldest first, so that messages stand
 * in the order in which they were written whatever is refused or lost in between; and each keeps its
 * `ref` until it is answered, so that a repeat is no second message. Knows no page and no socket.
 */

/** An answer that has not come after this long will not: the connection is dead. */
const ANSWER_TIMEOUT_MS = 15_000;

/** The wait after a refusal that does not say how long. */
const RETRY_AFTER_MS = 1_000;

/** Refusals that pass by waiting; any other is final. */
export const PASSING = new Set(["rate_limited", "unavailable"]);

/** Refusals that leave open whether it was done (docs/reference/wire.md, "Error codes"). */
const UNKNOWN = new Set(["unavailable", "internal"]);

/**
 * @typedef {object} Request
 * @property {string} ref
 * @property {"message" | "edit" | "delete"} type
 * @property {string} room
 * @property {string} [message] The text, of a message or an edit.
 * @property {string} [id] The message, of an edit or a delete.
 * @property {number} ts When it was written here, in milliseconds since 1970.
 * @property {"sending" | "failed"} state
 * @property {string} [fault] Why it failed, or why it takes so long.
 * @property {boolean} [isInDoubt] It was sent and not answered: it may be on the log.
 * @property {number} after The newest `seq` of the room when it was written.
 */

/** Sends requests one by one, over any number of connections. */
export class Outbox {
  #host;
  /** @type {Request[]} */
  #requests;
  #isOpen = false;
  #underWay = "";
  #notBefore = 0;
  #spacingMs = 0;
  #ratePerSecond = 0;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {object} host
   * @param {(request: Request) => void} host.send
   * @param {(room: string) => boolean} host.isReady Whether the room takes requests now.
   * @param {(requests: Request[]) => void} host.onChange To be kept over a reload.
   * @param {() => void} host.onSilence The server does not answer.
   * @param {Request[]} [kept] What was left by the page before a reload.
   */
  constructor(host, kept = []) {
    this.#host = host;
    this.#requests = kept;
  }

  /** @returns {readonly Request[]} Oldest first. */
  get requests() {
    return this.#requests;
  }

  /** @param {Omit<Request, "ref" | "state" | "ts">} wanted */
  add(wanted) {
    this.#requests.push({ ...wanted, ref: newRef(), ts: Date.now(), state: "sending" });
    this.#host.onChange(this.#requests);
    this.pump();
  }

  /** @param {number} ratePerSecond What the server lets pass; 0 where it does not say. */
  open(ratePerSecond = 0) {
    this.#isOpen = true;
    this.#ratePerSecond = ratePerSecond;
    this.pump();
  }

  /** The connection is lost. */
  close() {
    this.#isOpen = false;
    this.#underWay = "";
    clearTimeout(this.#timer);
  }

  /** Send the next request if it may go. */
  pump() {
    if (!this.#isOpen || this.#underWay !== "") return;
    const next = this.#requests.find(({ state, room }) => state === "sending" && this.#host.isReady(room));
    if (next === undefined) return;
    const waitMs = this.#notBefore - performance.now();
    if (waitMs > 0) {
      this.#arm(waitMs, () => this.pump());
      return;
    }
    this.#underWay = next.ref;
    this.#arm(ANSWER_TIMEOUT_MS, () => this.#host.onSilence());
    // From here on nobody knows, until the answer, whether it is on the log: not after a reload either.
    next.isInDoubt = true;
    this.#host.onChange(this.#requests);
    this.#host.send(next);
  }

  /**
   * @param {string} ref
   * @returns {Request | undefined} What was asked for, and is done.
   */
  settle(ref) {
    const request = this.#find(ref);
    if (request !== undefined) this.#remove(request);
    this.#answered(ref, this.#spacingMs);
    return request;
  }

  /**
   * @param {string} ref
   * @param {{code: string, message: string, retryAfterMs?: number}} error
   * @returns {Request | undefined} What was refused, for good or for now.
   */
  refuse(ref, { code, message, retryAfterMs = RETRY_AFTER_MS }) {
    const request = this.#find(ref);
    if (request === undefined) return undefined;
    request.fault = message;
    request.isInDoubt = UNKNOWN.has(code);
    if (!PASSING.has(code)) request.state = "failed";
    // A second refusal counts at the server, and fifty end the connection: keep below the rate.
    if (code === "rate_limited" && this.#ratePerSecond > 0) this.#spacingMs = 1_000 / this.#ratePerSecond;
    this.#host.onChange(this.#requests);
    this.#answered(ref, PASSING.has(code) ? retryAfterMs : 0);
    return request;
  }

  /** @param {string} ref A failed one, to be tried again. */
  retry(ref) {
    const request = this.#find(ref);
    if (request?.state !== "failed") return;
    request.state = "sending";
    request.fault = undefined;
    this.#host.onChange(this.#requests);
    this.pump();
  }

  /** @param {(request: Request) => boolean} isUnwanted Drop these. */
  discard(isUnwanted) {
    for (const request of this.#requests.filter(isUnwanted)) this.#remove(request);
  }

  #find(ref) {
    return this.#requests.find((one) => one.ref === ref);
  }

  #remove(request) {
    this.#requests = this.#requests.filter((one) => one !== request);
    if (this.#requests.length === 0) this.#spacingMs = 0;
    this.#host.onChange(this.#requests);
  }

  #answered(ref, waitMs) {
    if (ref !== this.#underWay) return;
    this.#underWay = "";
    clearTimeout(this.#timer);
    this.#notBefore = performance.now() + waitMs;
    this.pump();
  }

  #arm(delayMs, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, delayMs);
  }
}

/** @returns {string} 128 random bits: two tabs of one browser are one device to the server. */
export function newRef() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

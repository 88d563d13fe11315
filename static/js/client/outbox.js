/**
 * The unanswered requests of this person: messages, edits, deletes.
 *
 * The rules of this file: one request at a time is in flight, the oldest first, so messages stay in the
 * order of writing whatever the server rejects or the network loses. Each request keeps its `ref` until
 * the server answers it, so a repeat never makes a second message. Knows no page and no socket.
 */

/** Without an answer for this long, the connection is dead. */
const ANSWER_TIMEOUT_MS = 15_000;

/** The wait after a temporary error that names none. */
const RETRY_AFTER_MS = 1_000;

/** After these errors a retry can succeed. All others are final. */
export const TEMPORARY = new Set(["rate_limited", "unavailable"]);

/** After these errors the server may have stored the request (docs/reference/wire.md, "Error codes"). */
const UNCERTAIN = new Set(["unavailable", "internal"]);

/**
 * @typedef {object} Request
 * @property {string} ref
 * @property {"message" | "edit" | "delete"} type
 * @property {string} room
 * @property {string} [message] The text of a message or an edit.
 * @property {string} [id] The message of an edit or a delete.
 * @property {number} ts When this person made it, in milliseconds since 1970.
 * @property {"sending" | "failed"} state
 * @property {string} [error] Why it failed, or why it is delayed, in the server's words.
 * @property {string} [errorCode] The same as a code (docs/reference/wire.md, "Error codes").
 * @property {boolean} [mayBeStored] The page sent it and has no answer.
 * @property {number} after The newest `seq` of the room when this person made it.
 */

/** Sends requests one by one, over any number of connections. */
export class Outbox {
  #host;
  /** @type {Request[]} */
  #requests;
  #isOpen = false;
  /** The ref of the request in flight; empty for none. */
  #inFlight = "";
  #notBefore = 0;
  #spacingMs = 0;
  #ratePerSecond = 0;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {object} host
   * @param {(request: Request) => void} host.send
   * @param {(room: string) => boolean} host.isReady Whether the room accepts requests now.
   * @param {(requests: Request[]) => void} host.onChange Stores them over a reload.
   * @param {() => void} host.onTimeout The server did not answer.
   * @param {Request[]} [stored] The requests from before a reload.
   */
  constructor(host, stored = []) {
    this.#host = host;
    this.#requests = stored;
  }

  /** @returns {readonly Request[]} Oldest first. */
  get requests() {
    return this.#requests;
  }

  /** @param {Omit<Request, "ref" | "state" | "ts">} wanted */
  add(wanted) {
    this.#requests.push({ ...wanted, ref: newRef(), ts: Date.now(), state: "sending" });
    this.#host.onChange(this.#requests);
    this.sendNext();
  }

  /** @param {number} ratePerSecond The server's limit; 0 for none. */
  open(ratePerSecond = 0) {
    this.#isOpen = true;
    this.#ratePerSecond = ratePerSecond;
    this.sendNext();
  }

  /** The connection is lost. */
  close() {
    this.#isOpen = false;
    this.#inFlight = "";
    clearTimeout(this.#timer);
  }

  /** Send the next request if that is possible now. */
  sendNext() {
    if (!this.#isOpen || this.#inFlight !== "") return;
    const next = this.#requests.find(({ state, room }) => state === "sending" && this.#host.isReady(room));
    if (next === undefined) return;
    const waitMs = this.#notBefore - performance.now();
    if (waitMs > 0) {
      this.#arm(waitMs, () => this.sendNext());
      return;
    }
    this.#inFlight = next.ref;
    this.#arm(ANSWER_TIMEOUT_MS, () => this.#host.onTimeout());
    // Store this before sending: after a reload, too, only the answer says whether the server has it.
    next.mayBeStored = true;
    this.#host.onChange(this.#requests);
    this.#host.send(next);
  }

  /**
   * The server did what a request asked for.
   *
   * @param {string} ref
   * @returns {Request | undefined} The request, no longer in the outbox.
   */
  acknowledge(ref) {
    const request = this.#find(ref);
    if (request !== undefined) this.#remove(request);
    this.#answered(ref, this.#spacingMs);
    return request;
  }

  /**
   * The server rejected a request, for good or for now.
   *
   * @param {string} ref
   * @param {{code: string, message: string, retryAfterMs?: number}} error
   * @returns {Request | undefined} The request.
   */
  reject(ref, { code, message, retryAfterMs = RETRY_AFTER_MS }) {
    const request = this.#find(ref);
    if (request === undefined) return undefined;
    request.error = message;
    request.errorCode = code;
    request.mayBeStored = UNCERTAIN.has(code);
    if (!TEMPORARY.has(code)) request.state = "failed";
    // The server counts repeated rejections and closes the connection after fifty: stay below the rate.
    if (code === "rate_limited" && this.#ratePerSecond > 0) this.#spacingMs = 1_000 / this.#ratePerSecond;
    this.#host.onChange(this.#requests);
    this.#answered(ref, TEMPORARY.has(code) ? retryAfterMs : 0);
    return request;
  }

  /** @param {string} ref A failed request to send again. */
  retry(ref) {
    const request = this.#find(ref);
    if (request?.state !== "failed") return;
    request.state = "sending";
    request.error = undefined;
    request.errorCode = undefined;
    this.#host.onChange(this.#requests);
    this.sendNext();
  }

  /** @param {(request: Request) => boolean} isUnwanted Selects the requests to remove. */
  discard(isUnwanted) {
    for (const request of this.#requests.filter(isUnwanted)) this.#remove(request);
  }

  /** @param {string} ref */
  #find(ref) {
    return this.#requests.find((one) => one.ref === ref);
  }

  /** @param {Request} request */
  #remove(request) {
    this.#requests = this.#requests.filter((one) => one !== request);
    if (this.#requests.length === 0) this.#spacingMs = 0;
    this.#host.onChange(this.#requests);
  }

  /**
   * @param {string} ref
   * @param {number} waitMs
   */
  #answered(ref, waitMs) {
    if (ref !== this.#inFlight) return;
    this.#inFlight = "";
    clearTimeout(this.#timer);
    this.#notBefore = performance.now() + waitMs;
    this.sendNext();
  }

  /**
   * @param {number} delayMs
   * @param {() => void} act
   */
  #arm(delayMs, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, delayMs);
  }
}

/** @returns {string} 128 random bits: the server takes two tabs of one browser for one device. */
export function newRef() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The requests of one connection beside the outbox: joins, leaves, pages of history, tokens, probes. */

import { newRef } from "./outbox.js";

/** @typedef {Record<string, any>} Command */

/** Remembers each request until its answer, or until the connection is lost. */
export class Asks {
  #send;
  /** By ref. @type {Map<string, Command>} */
  #pending = new Map();

  /** @param {(command: Command) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {Command} command Gets a `ref`, and expects an answer on this connection. */
  ask(command) {
    const ref = newRef();
    this.#pending.set(ref, command);
    this.#send({ ...command, ref });
  }

  /** Ask for nothing: the answer `not_joined` for a room of a random name needs no store, which may be slow. */
  probe() {
    const ref = newRef();
    this.#pending.set(ref, { type: "probe" });
    this.#send({ type: "leave", room: ref, ref });
  }

  /**
   * @param {string | undefined} ref Of an answer.
   * @returns {Command | undefined} The request, which is now answered.
   */
  take(ref = "") {
    const command = this.#pending.get(ref);
    this.#pending.delete(ref);
    return command;
  }

  /**
   * @param {string | undefined} ref Of an answer.
   * @returns {boolean} Whether it answers a probe.
   */
  isProbe(ref = "") {
    return this.#pending.get(ref)?.type === "probe";
  }

  /** The connection is lost. */
  clear() {
    this.#pending.clear();
  }
}

/**
 * The opened rooms as entries of the browser's history, so that Back returns to the room before.
 *
 *     ground → room → room → layer
 *
 * The ground lies below the first room. Back to it goes forward again, so Back never leaves the chat; the
 * button "Leave" does. A layer is something over the page, such as a drawer, that Back closes. In a frame
 * the page adds no entries: Back belongs to the page around it.
 */

import { addressOf, hasTokenInAddress, placeInAddress } from "./address.js";
import { isFramed } from "./frame.js";

/** @typedef {import("./address.js").Place} Place */

/** Keeps the address and the history of a tab. */
export class Places {
  /** The shown address; empty while the person is not in the chat. */
  #shown = "";
  #listener;

  /**
   * @param {object} listener
   * @param {(place: Place) => void} listener.onPlace The address names another place.
   * @param {() => void} listener.onBack Closes every layer.
   */
  constructor(listener) {
    this.#listener = listener;
    for (const event of ["popstate", "hashchange"]) globalThis.addEventListener(event, () => this.#follow());
  }

  /** @param {Place} place The room that is open now. */
  show(place) {
    const address = addressOf(place);
    const kind = history.state?.place;
    const isOther = address !== addressOf(placeInAddress());
    const isNew = this.#shown !== "" ? kind === "room" && isOther : kind === undefined;
    if (this.#shown === "" && isNew && !isFramed) mark("ground", address);
    if (isNew && !isFramed) history.pushState({ ...history.state, place: "room" }, "", address);
    else mark("room", address);
    this.#shown = address;
  }

  /** Something opened over the page. */
  addLayer() {
    if (!isFramed) history.pushState({ ...history.state, place: "layer" }, "", this.#shown);
  }

  /** It closed otherwise than by Back. */
  removeLayer() {
    if (history.state?.place === "layer") history.back();
  }

  /**
   * The chat is no longer shown.
   *
   * @param {boolean} isForgotten The address names the room no longer.
   */
  leave(isForgotten) {
    if (isForgotten && this.#shown !== "") mark(undefined, addressOf({ room: "", seq: 0 }));
    this.#shown = "";
  }

  #follow() {
    // A login link is for login.js, which removes the token. Then the address names the room.
    if (this.#shown === "" || hasTokenInAddress()) return;
    const kind = history.state?.place;
    if (kind !== "layer") this.#listener.onBack();
    if (kind === "ground") {
      history.forward();
      return;
    }
    const place = placeInAddress();
    if (place.room === "") mark("room", this.#shown);
    else if (addressOf(place) !== this.#shown) this.#listener.onPlace(place);
    else if (kind === undefined) mark("room", this.#shown);
  }
}

/**
 * @param {string | undefined} place
 * @param {string} address
 */
function mark(place, address) {
  history.replaceState({ ...history.state, place }, "", address);
}

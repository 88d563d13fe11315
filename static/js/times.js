/** Times, in the reader's own time zone. */

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

/**
 * A short label: the time for today, the date and the time for any other day.
 *
 * @param {Date} moment
 * @param {Date} now
 * @returns {string}
 */
export function shortLabel(moment, now) {
  const clock = CLOCK.format(moment);
  return moment.toDateString() === now.toDateString() ? clock : `${DAY.format(moment)}, ${clock}`;
}

/**
 * Make the element for the time of an event. It shows the full date on hovering.
 *
 * @param {number | undefined} ts Milliseconds since 1970, UTC.
 * @param {string} fallback Shown if `ts` is no valid time.
 * @returns {HTMLTimeElement}
 */
export function timeElement(ts, fallback) {
  const element = document.createElement("time");
  const moment = new Date(ts ?? Number.NaN);
  if (Number.isNaN(moment.getTime())) {
    element.textContent = fallback;
    return element;
  }
  element.dateTime = moment.toISOString();
  element.title = FULL.format(moment);
  element.textContent = shortLabel(moment, new Date());
  return element;
}

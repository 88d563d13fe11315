/** Times and days, in the reader's own time zone and language. */

import { locale, t } from "./messages.js";

const CLOCK = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(locale, { dateStyle: "full" });
const FULL = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });

/**
 * @param {Date} moment
 * @returns {string} Names the day, equal for all moments of it.
 */
export function dayKey(moment) {
  return `${moment.getFullYear()}-${moment.getMonth() + 1}-${moment.getDate()}`;
}

/**
 * @param {Date} moment
 * @param {Date} now
 * @returns {string} Today, yesterday or the date; with its year unless it is this year.
 */
export function dayLabel(moment, now) {
  const days = Math.round((startOfDay(now) - startOfDay(moment)) / 86_400_000);
  if (days === 0) return t("log.today");
  if (days === 1) return t("log.yesterday");
  return (moment.getFullYear() === now.getFullYear() ? DAY : DAY_OF_YEAR).format(moment);
}

/**
 * @param {Date} now
 * @returns {number} The milliseconds until the day changes.
 */
export function untilMidnight(now) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1).getTime() - now.getTime();
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
  element.textContent = CLOCK.format(moment);
  return element;
}

/** @param {Date} moment Noon, so that a day of 23 or 25 hours rounds to one. */
function startOfDay(moment) {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate(), 12).getTime();
}

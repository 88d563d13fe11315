/** What a person can do with a room: the entries of its menu. */

import { addressOf } from "./address.js";
import { t } from "./messages.js";

const LEVELS = /** @type {const} */ (["all", "mentions", "none"]);

/**
 * @param {import("./roomstate.js").RoomState} room
 * @param {import("./preferences.js").Preferences} preferences
 * @param {import("./notifications.js").Notifications} notifications
 * @param {((name: string) => void) | null} onLeave Null in the last room, which stays.
 * @returns {import("./menu.js").Item[]}
 */
export function roomOptions({ name: room, isPinned, isMuted, isMarked }, preferences, notifications, onLeave) {
  /** @type {import("./menu.js").Item[]} */
  const items = [
    { label: t("rooms.pin"), isChecked: isPinned, act: () => preferences.set(room, { isPinned: !isPinned }) },
    { label: t("rooms.mute"), isChecked: isMuted, act: () => preferences.set(room, { isMuted: !isMuted }) },
    { label: t("rooms.mark"), isChecked: isMarked, act: () => preferences.set(room, { isMarked: !isMarked }) },
  ];
  // While notifications are off, the level would change nothing.
  const levels = notifications.settings.isOn ? LEVELS : [];
  for (const notify of levels) {
    const isChecked = preferences.of(room).notify === notify;
    const act = () => preferences.set(room, { notify });
    items.push({ label: t(`notify.${notify}`), group: t("notify.level"), isChecked, act });
  }
  // Browsers offer the clipboard over HTTPS and on this machine only.
  const { clipboard } = navigator;
  if (clipboard !== undefined) {
    items.push({ label: t("rooms.copy"), act: () => clipboard.writeText(location.origin + addressOf({ room, seq: 0 })) });
  }
  if (onLeave !== null) items.push({ label: t("rooms.leave", { room }), act: () => onLeave(room) });
  return items;
}

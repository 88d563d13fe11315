/** What a person can do with a room: the entries of its menu. */

import { addressOf } from "./address.js";
import { t } from "./messages.js";

/**
 * @param {import("./roomstate.js").RoomState} room
 * @param {import("./preferences.js").Preferences} preferences
 * @param {((name: string) => void) | null} onLeave Null in the last room, which stays.
 * @returns {import("./menu.js").Item[]}
 */
export function roomOptions({ name: room, isPinned, isMuted, isMarked }, preferences, onLeave) {
  /** @type {import("./menu.js").Item[]} */
  const items = [
    { label: t("rooms.pin"), isChecked: isPinned, act: () => preferences.set(room, { isPinned: !isPinned }) },
    { label: t("rooms.mute"), isChecked: isMuted, act: () => preferences.set(room, { isMuted: !isMuted }) },
    { label: t("rooms.mark"), isChecked: isMarked, act: () => preferences.set(room, { isMarked: !isMarked }) },
  ];
  // Browsers offer the clipboard over HTTPS and on this machine only.
  const { clipboard } = navigator;
  if (clipboard !== undefined) {
    items.push({ label: t("rooms.copy"), act: () => clipboard.writeText(location.origin + addressOf({ room, seq: 0 })) });
  }
  if (onLeave !== null) items.push({ label: t("rooms.leave", { room }), act: () => onLeave(room) });
  return items;
}

/**
 * The first part of the chat page. The join form works with it, while the browser loads the rest, `chat.js`.
 */

import { find } from "./dom.js";
import { JoinForm } from "./join.js";
import { takeLogin } from "./login.js";
import { fillTexts, language, loadTexts } from "./messages.js";

// Do this first, so that the token leaves the address whatever else happens.
const login = takeLogin();

document.documentElement.lang = language;
start();

async function start() {
  try {
    await loadTexts();
    fillTexts(document);
    const joinForm = new JoinForm(find("#join-form", HTMLFormElement));
    const { openChat } = await import("./chat.js");
    // All parts have loaded, so js/boot.js has nothing more to show.
    find("#loading", HTMLElement).remove();
    openChat(login, joinForm);
  } catch (error) {
    console.error("a part of the page failed to load:", error);
    document.dispatchEvent(new Event("trio-chat:part-failed")); // js/boot.js reloads the page
  }
}

/** Writing in the editor of a message. */

import { all, drawn, equal, isInView, join, ok, one, server, until, write } from "./support.js";

const offers = () => all(".editor .offer").map((offer) => offer.textContent);

const press = (key) =>
  one(".editor textarea").dispatchEvent(new KeyboardEvent("keydown", { key, code: key, bubbles: true, cancelable: true }));

/** Send a message, and edit it. */
async function edit() {
  write(one("#text"), "hello");
  one("#composer").requestSubmit();
  await until("own message", () => all("#messages [data-state=sent] [data-action=edit]").length === 1);
  one(".message [data-action=edit]").click();
  const field = one(".editor textarea");
  write(field, "@bob"); // The list loads at the first use.
  await until("offers", () => offers().length > 0);
  return field;
}

export const tests = {
  "the editor of a message completes names and emoji, and Escape closes the list before it": async () => {
    server.users = ["ann", "Bob Lee"];
    await join();
    const field = await edit();
    write(field, "hello @bo");
    equal(offers(), ["Bob Lee"]);
    equal(field.getAttribute("aria-activedescendant"), one(".editor .offer").id);
    const list = one(".editor .offers");
    ok(list.closest("[aria-live=off]") !== null, "the log announces the list");
    press("Escape");
    equal([offers(), list.hidden, all(".editor").length], [[], true, 1]);
    write(field, "hello ");
    write(field, "hello @bo");
    press("Tab");
    equal(field.value, "hello @Bob Lee ");
    write(field, `${field.value}:roc`);
    press("Enter");
    equal(field.value, "hello @Bob Lee 🚀 ");
    press("Enter");
    await until("edit", () => server.sent("edit").length === 1);
    equal(server.sent("edit")[0].message.trim(), "hello @Bob Lee 🚀");
    await drawn();
    equal(all(".editor").length, 0);
  },

  "the list is in view above the field, and below it at the top of the log": async () => {
    server.users = ["ann", ...Array.from({ length: 12 }, (_, at) => `bob ${at}`)];
    await join();
    const field = await edit();
    const [list, scroller] = [one(".editor .offers"), one("#scroller")];
    const isBelow = () => {
      write(field, "");
      write(field, "@bob");
      ok(list.getBoundingClientRect().top >= scroller.getBoundingClientRect().top, "the list is cut at the top");
      return list.getBoundingClientRect().top > field.getBoundingClientRect().top;
    };
    ok(!isBelow(), "the list is not above the field");
    server.say(..."x".repeat(40));
    await until("messages", () => all("#messages .message").length === 41);
    await drawn();
    one(".editor").scrollIntoView();
    await until("editor at the top", () => isInView(field));
    ok(isBelow(), "the list is not below the field");
  },
};

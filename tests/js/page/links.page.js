/** The time of a message leads to it, and Up edits the message that was sent last. */

import { all, drawn, equal, isInView, join, ok, one, place, row, server, until, write } from "./support.js";

function fill(count, read = count) {
  for (let seq = 1; seq <= count; seq += 1) server.store({ type: "message", username: "bob", message: `line ${seq}` });
  server.read = read;
}

const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

export const tests = {
  "the time of a message is a link to it, and the log is one stop for the Tab key": async () => {
    fill(40);
    await join();
    const link = row(30).querySelector("a.permalink");
    equal(new URL(link.href).hash, "#/room/general/30");
    write(one("#text"), "half-written");
    link.click();
    await until("linked message", () => row(30).dataset.linked !== undefined);
    equal(location.hash, "#/room/general/30");
    equal(one("#text").value, "half-written");
    const stops = all("#messages a, #messages button").filter((part) => part.tabIndex === 0);
    equal(stops.length, 1, "stops for the Tab key");
    stops[0].focus();
    press("ArrowUp");
    ok(row(39).contains(document.activeElement), "the arrow does not lead to the link above");
    server.send(server.store({ type: "edited", target: "id-39", username: "bob", message: "edited" }));
    await until("edit", () => row(39).textContent.includes("edited"));
    ok(row(39).contains(document.activeElement), "an edit takes the focus away");
  },

  "a link to a message wins over the first unread one, and marks as read what is in view": async () => {
    fill(220, 120);
    location.hash = "#/room/general/60";
    await join();
    await until("linked message", () => all("[data-seq='60'][data-linked]").length === 1);
    await drawn();
    ok(isInView(row(60)), "the linked message is out of view");
    const before = place();
    server.say("news");
    await drawn();
    equal(place(), before, "place after a message");
    equal(server.sent("read").length, 0, "read markers");
  },

  "Up edits the last message as soon as the server has it, and not the one before": async () => {
    fill(1);
    await join();
    for (const text of ["first", "second"]) {
      write(one("#text"), text);
      one("#composer").requestSubmit();
      await until(text, () => server.events.at(-1).message === text);
    }
    press("ArrowUp");
    const [editor] = all(".editor textarea");
    ok(editor === undefined || editor.value === "second", `Up edits “${editor?.value}”`);
    press("Escape");
    await until("answer", () => all("[data-state=sent]").length === 2);
    one("#text").focus();
    press("ArrowUp");
    equal(one(".editor textarea").value, "second");
  },
};

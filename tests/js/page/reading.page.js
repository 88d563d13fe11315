/** Where a reader is in the log, and what they have read. */

import { all, drawn, equal, frame, isInView, join, ok, one, place, row, select, server, until, write } from "./support.js";

/** 10 read messages, and this many unread ones. */
function fill(unread) {
  for (let seq = 1; seq <= 10 + unread; seq += 1) server.store({ type: "message", username: "bob", message: `line ${seq}` });
  server.read = 10;
}

async function openWith320Unread() {
  fill(320);
  await join();
  await until("first unread message", () => all("#messages .divider.new + [data-seq='11']").length === 1);
  await drawn();
}

const lastRead = () => server.sent("read").at(-1)?.seq ?? server.read;

export const tests = {
  "a room with 320 unread messages opens at the first of them, and only what is in view is read": async () => {
    await openWith320Unread();
    ok(isInView(one("#messages .divider.new")), "“New” is out of view");
    ok(isInView(row(11)), "the first unread message is out of view");
    await until("read marker", () => server.sent("read").length > 0);
    const inView = all("#messages .message").filter(isInView);
    equal(lastRead(), Number(inView.at(-1).dataset.seq), "read up to");
    equal(one("#unread-text").textContent, `${330 - lastRead()} unread messages`);
    one("#jump").click();
    await until("read marker of the end", () => lastRead() === 330);
    ok(isInView(row(330)), "the button does not lead to the newest message");
    ok(one("#unread-bar").hidden, "the bar stays");
  },

  "“Mark as read” reads all and goes to the end": async () => {
    await openWith320Unread();
    one("#mark-read").click();
    await until("read marker of the end", () => lastRead() === 330);
    ok(isInView(row(330)), "the newest message is out of view");
    ok(one("#unread-bar").hidden, "the bar stays");
    ok(document.activeElement === one("#text"), "the focus is not in the field");
  },

  "messages missed while the window had the focus are new after a loss": async () => {
    fill(0);
    await join();
    equal(all("#messages .divider.new").length, 0);
    server.lose();
    for (const message of ["missed", "and this"]) server.store({ type: "message", username: "bob", message });
    dispatchEvent(new Event("online"));
    await until("missed messages", () => all("#messages [data-seq='12']").length === 1);
    equal(all("#messages .divider.new + [data-seq='11']").length, 1, "“New” before the first missed one");
    ok(isInView(row(12)), "a reader at the end stays there");
  },

  "a selection in a message outlives receipts, messages and edits, and only new rows are announced": async () => {
    fill(0);
    await join();
    const words = row(5).querySelector(".text");
    select(words);
    /** @type {string[]} */
    const announced = [];
    const isSilent = (node) => (node instanceof Element ? node : node.parentElement)?.closest("[aria-live=off], [hidden]") !== null;
    const log = one("#messages");
    new MutationObserver((records) => {
      for (const { addedNodes } of records) {
        for (const node of addedNodes) if (!isSilent(node)) announced.push(node.textContent.trim());
      }
    }).observe(log, { subtree: true, childList: true, characterData: true });
    for (const seq of [5, 10]) server.send({ type: "read", room: "general", username: "bob", seq });
    server.send({ type: "presence", room: "general", online: ["cat"], offline: [], count: 3 });
    server.send(server.store({ type: "edited", target: "id-4", username: "bob", message: "another line" }));
    await until("edit", () => row(4).textContent.includes("another line"));
    server.say("the newest");
    await until("new message", () => all("#messages [data-seq='12']").length === 1);
    await drawn();
    equal(getSelection().toString(), "line 5");
    ok(row(5).querySelector(".text") === words, "the text was made anew");
    equal(announced.length, 2, announced.join(" | "));
    equal(announced[0], "another line");
    ok(announced[1].includes("the newest"), announced[1]);
  },

  "a selection in an own message outlives the server's answer": async () => {
    await join();
    server.isSlow = true;
    write(one("#text"), "still on its way");
    one("#composer").requestSubmit();
    await until("own message", () => all("#messages [data-state=sending]").length === 1);
    select(one("[data-state=sending] .text"));
    server.isSlow = false;
    await until("answer", () => all("#messages [data-state=sent]").length === 1);
    equal(getSelection().toString(), "still on its way");
  },

  "the reading place is kept while the phone turns, and while the field grows": async () => {
    for (let seq = 1; seq <= 50; seq += 1) {
      server.store({ type: "message", username: seq % 3 ? "bob" : "cat", message: `line ${seq} `.repeat(1 + (seq * 7) % 40) });
    }
    server.read = 50;
    await setViewport(390, 844);
    await join();
    const scroller = one("#scroller");
    scroller.scrollTop = scroller.scrollHeight / 2;
    await drawn();
    const before = place();
    const isKept = (what) => {
      const { top } = scroller.getBoundingClientRect();
      const offset = row(before.seq).getBoundingClientRect().top - top;
      ok(Math.abs(offset - before.offset) <= 2, `${what}: ${before.offset} became ${offset}`);
    };
    for (const [width, height] of [[844, 390], [390, 844], [390, 500], [390, 844]]) {
      await setViewport(width, height);
      await until("resize", () => innerWidth === width && innerHeight === height);
      await drawn();
      isKept(`${width} x ${height}`);
    }
    for (const text of ["one\n".repeat(12), ""]) {
      const { height } = one("#text").getBoundingClientRect();
      write(one("#text"), text);
      ok(one("#text").getBoundingClientRect().height !== height, "the field keeps its height");
      await drawn();
      isKept("the field grows");
    }
    await setViewport(1280, 720);
  },

  "receipts do not move the log of a reader at its end": async () => {
    server.users = ["ann", ...Array.from({ length: 60 }, (_, at) => `reader ${at}`)];
    for (let seq = 1; seq <= 10; seq += 1) server.store({ type: "message", username: "bob", message: "words ".repeat(90) });
    server.read = 10;
    await join();
    const tops = () => [one("#scroller").scrollTop, ...all("#messages .message").map((line) => line.getBoundingClientRect().top)];
    const before = tops();
    for (const username of server.users.slice(1)) {
      server.send({ type: "read", room: "general", username, seq: 8 + (username.length % 3) });
      await frame();
    }
    await until("receipts", () => row(10).querySelector(".seen").childElementCount > 0);
    await drawn();
    equal(tops(), before);
  },
};

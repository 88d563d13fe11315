/** How much of a conversation a window shows. */

import { all, drawn, isInView, join, ok, server } from "./support.js";

export const tests = {
  "a window of 800 pixels shows 20 messages of one line, each of another author, beside 3 notices": async () => {
    await globalThis.setViewport(1280, 800);
    for (let seq = 1; seq <= 40; seq += 1) {
      const username = ["bob", "cat", "dora"][seq % 3];
      const notice = { type: "system", kind: "joined", message: `${username} has joined` };
      server.store({ username, ...(seq % 7 === 0 ? notice : { type: "message", message: `line ${seq}` }) });
    }
    server.read = 40;
    await join();
    await drawn();
    const [messages, notices] = [".message", ".notice"].map((kind) => all(`#messages ${kind}`).filter(isInView).length);
    ok(messages >= 20 && notices >= 3, `${messages} messages and ${notices} notices in view`);
  },
};

/** The lists at the sides. */

import { all, equal, join, one, select, server, until } from "./support.js";

const names = () => all("#people-list .person-name").map((name) => name.textContent);

export const tests = {
  "a selection in the list of people outlives a join": async () => {
    await join();
    select(one("#people-list li:last-child .person-name"));
    server.send({ type: "presence", room: "general", online: ["aaron"], offline: [], count: 3 });
    await until("aaron", () => names().length === 3);
    equal(names(), ["ann", "aaron", "bob"]);
    equal(getSelection().toString(), "bob");
  },

  "a large room lists its first names with the own one": async () => {
    server.users = ["zoe"];
    await join("zoe");
    const online = Array.from({ length: 200 }, (_, at) => `user ${at + 100}`);
    server.send({ type: "presence", room: "general", online, offline: [], count: 5001 });
    await until("201 names", () => names().length === 201);
    equal(one("#people-list .self .person-name").textContent, "zoe");
    equal([one("#people-count").textContent, one(".more-people").textContent], ["5,001", "and 4,800 more"]);
  },
};

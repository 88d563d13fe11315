/** Whether the server requires tokens. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { server } from "./support/browser.mjs";

const { fetchAuthMode, requiresToken } = await import("../../static/js/client/auth.js");

for (const [status, auth, mode] of [[200, "token", "token"], [503, "token", "token"], [200, "none", "none"], [503, "", "unknown"]]) {
  test(`the answer ${status} with “${auth}” means ${mode}`, async () => {
    server.fetch = async () => new Response("", { status, headers: { "chat-auth": auth } });
    assert.equal(await fetchAuthMode("ws://chat.test/ws"), mode);
  });
}

test("a server that does not answer requires nothing known", async () => {
  server.fetch = async () => {
    throw new TypeError("unreachable");
  };
  assert.equal(await fetchAuthMode("ws://chat.test/ws"), "unknown");
  assert.equal(await requiresToken("ws://chat.test/ws"), false);
});

test("the question goes to the server of the socket", async () => {
  const asked = [];
  server.fetch = async (url) => asked.push(String(url));
  await fetchAuthMode("wss://chat.test/ws?x");
  await fetchAuthMode("ws://chat.test:8000/ws");
  assert.deepEqual(asked, ["https://chat.test/readyz", "http://chat.test:8000/readyz"]);
});

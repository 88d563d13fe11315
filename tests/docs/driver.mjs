// Runs the module of the guide under node, and prints what it does, one JSON value to a line.
// node driver.mjs MODULE, and on stdin {"url", "name", "say": [texts], "hurry": {ms: ms}}.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { url, name, say, hurry } = JSON.parse(readFileSync(0, "utf8"));
const report = (...what) => process.stdout.write(`${JSON.stringify(what)}\n`);

// Some of its timers pass sooner, as a test of 150 s is none; which are, is reported. For that it
// always waits for the shortest time that it may.
const sleep = globalThis.setTimeout;
globalThis.setTimeout = (act, ms, ...rest) => {
  if (ms in hurry) report("waits", ms);
  return sleep(act, hurry[ms] ?? ms, ...rest);
};
Math.random = () => 0;

const { joinChat } = await import(pathToFileURL(process.argv[2]));
const chat = joinChat(
  url,
  name,
  (event) => report("event", event),
  (code, reason) => report("end", code, reason),
);
for (const text of say) {
  chat.say(text).then(
    ({ seq }) => report("stored", text, seq),
    (error) => report("refused", text, error.message),
  );
}

// Runs the module of the guide under node, and prints one report, a JSON value, in each line.
// node driver.mjs MODULE '{"url", "name", "texts": […], "shortened": {ms: ms}}'
import { pathToFileURL } from "node:url";

const [, , module, task] = process.argv;
const { url, name, texts, shortened } = JSON.parse(task);
const report = (...values) => process.stdout.write(`${JSON.stringify(values)}\n`);

// Shorten some timers, and report them. Without randomness, each delay is the shortest possible.
const sleep = globalThis.setTimeout;
globalThis.setTimeout = (act, ms, ...rest) => {
  if (ms in shortened) report("waits", ms);
  return sleep(act, shortened[ms] ?? ms, ...rest);
};
Math.random = () => 0;

const { joinChat } = await import(pathToFileURL(module));
const chat = joinChat(
  url,
  name,
  (event) => report("event", event),
  (code, reason) => report("end", code, reason),
);
for (const text of texts) {
  chat.send(text).then(
    ({ seq }) => report("stored", text, seq),
    (error) => report("refused", text, error.message),
  );
}

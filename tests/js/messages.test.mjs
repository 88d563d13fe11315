/** The texts for people, and the words for the codes of the client package. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import "./support/browser.mjs";

const { chosenLanguage, hasText, t } = await import("../../static/js/messages.js");
const { explainClose, explainError } = await import("../../static/js/explain.js");

/** In another language, the same module again. */
navigator.languages = ["fr", "de-AT", "en"];
const german = await import("../../static/js/messages.js?german");
await german.loadTexts();

const { TEXTS: ENGLISH } = await import("../../static/js/texts/en.js");
const { TEXTS: GERMAN } = await import("../../static/js/texts/de.js");

const forms = (text) => (typeof text === "string" ? [text] : [text.one, text.other]);
const names = (text) => [...new Set(forms(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []))];

test("every text exists in English and in German", () => {
  assert.deepEqual(Object.keys(GERMAN), Object.keys(ENGLISH));
  for (const [key, text] of [...Object.entries(ENGLISH), ...Object.entries(GERMAN)]) {
    for (const form of forms(text)) assert.match(form, /\S/, key);
  }
});

test("a text uses no value that its English form lacks", () => {
  for (const [key, english] of Object.entries(ENGLISH)) {
    const unknown = names(GERMAN[key]).filter((name) => !names(english).includes(name) && name !== "{count}");
    assert.deepEqual(unknown, [], key);
  }
});

for (const page of ["chat", "echo"]) {
  test(`the texts that the ${page} page names exist, and its English is that of the table`, () => {
    const html = readFileSync(new URL(`../../static/${page}.html`, import.meta.url), "utf8");
    for (const [, key] of html.matchAll(/data-t(?:-label|-placeholder|-title)?="([^"]*)"/g)) assert.ok(hasText(key), key);
    for (const [, key, text] of html.matchAll(/data-t="([^"]*)"[^>]*>([^<]+)</g)) {
      assert.equal(text.replace(/\s+/g, " ").trim(), t(key), key);
    }
  });
}

const preferences = [[["de-AT", "en"], "de"], [["fr", "en-US", "de"], "en"], [["fr"], "en"], [[], "en"], [["DE"], "de"]];
for (const [languages, chosen] of preferences) {
  test(`a browser with the languages “${languages}” gets ${chosen}`, () => assert.equal(chosenLanguage(languages), chosen));
}

test("the page speaks the language of the browser", () => {
  assert.deepEqual([t("join.name"), german.t("join.name")], ["Your name", "Dein Name"]);
});

test("a number selects the form of a text", () => {
  const forms = [0, 1, 2].map((count) => t("details.queue-count", { count }));
  assert.deepEqual(forms, ["0 requests", "1 request", "2 requests"]);
});

test("numbers are written as the browser writes them", () => {
  assert.equal(t("status.countdown", { seconds: 1_000 }), "Reconnecting in 1,000 s");
  assert.match(german.t("status.countdown", { seconds: 12_345 }), /in 12.345 s/);
});

test("an unknown close code shows the server's reason, or at least its number", () => {
  assert.equal(explainClose(1012, "bye"), "The server is restarting");
  assert.equal(explainClose(4999, "bye"), "bye");
  assert.equal(explainClose(4999, ""), "The connection was closed (code 4999)");
});

test("an error of the server is shown in its own words", () => {
  assert.equal(explainError({ code: "too_large", message: "Too long by 3." }), "Too long by 3.");
  assert.equal(explainError({ code: "next-year", message: "New." }), "New.");
});

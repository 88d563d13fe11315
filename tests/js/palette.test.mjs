/** The contrast of the colours: of every hue too, which no single page shows. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = (name) => readFileSync(new URL(`../../static/css/${name}.css`, import.meta.url), "utf8");
const [base, people, rooms, chat, composer, message] = ["base", "people", "rooms", "chat", "composer", "message"].map(css);

/** The custom properties of the first `:root` in a text. */
const propertiesOf = (text) =>
  Object.fromEntries([.../:root \{([^}]*)\}/.exec(text)[1].matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name, value]));

const light = propertiesOf(base);
const dark = { ...light, ...propertiesOf(base.slice(base.indexOf("prefers-color-scheme: dark"))) };
const hues = [...people.matchAll(/\.hue-\d+ \{ --hue: (\d+); \}/g)].map(([, hue]) => Number(hue));

/** @returns {number[]} The linear red, green and blue of `#rrggbb`. */
const ofHex = (hex) =>
  [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));

/** @returns {number[]} The same of `oklch(…)`, clipped to what a screen shows. See Björn Ottosson, "A perceptual color space". */
function ofOklch(lightness, chroma, hue) {
  const [a, b] = [Math.cos, Math.sin].map((part) => chroma * part((hue * Math.PI) / 180));
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((part) => Math.min(1, Math.max(0, part)));
}

/** The contrast of two colours, as WCAG 2 defines it. */
function contrast(one, other) {
  const [low, high] = [one, other].map(([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue).sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const SURFACES = ["page", "surface", "raised"];
const TEXTS = ["text", "muted", "accent-strong", "bad"];

for (const [scheme, palette] of [["light", light], ["dark", dark]]) {
  const colour = (name) => ofHex(palette[name]);
  const name = (hue) => ofOklch(Number(palette["hue-lightness"]), Number(palette["hue-chroma"]), hue);

  test(`each text has a contrast of 4.5 on each surface in the ${scheme} scheme`, () => {
    for (const text of TEXTS) {
      for (const surface of SURFACES) assert.ok(contrast(colour(text), colour(surface)) >= 4.5, `${text} on ${surface}`);
    }
    for (const [text, surface] of [["on-accent", "accent"], ["warn", "warn-surface"]]) {
      assert.ok(contrast(colour(text), colour(surface)) >= 4.5, `${text} on ${surface}`);
    }
  });

  test(`a name of any hue has it too in the ${scheme} scheme, and so have its pictures`, () => {
    assert.equal(hues.length, 12);
    const [, lightness, chroma] = /\.avatar \{[^}]*oklch\(([\d.]+) ([\d.]+) var\(--hue\)\)/.exec(people);
    for (const hue of hues) {
      for (const surface of SURFACES) assert.ok(contrast(name(hue), colour(surface)) >= 4.5, `hue ${hue} on ${surface}`);
      assert.ok(contrast(ofHex("#ffffff"), ofOklch(Number(lightness), Number(chroma), hue)) >= 4.5, `a letter on hue ${hue}`);
    }
  });

  test(`the border of a field has a contrast of 3 in the ${scheme} scheme`, () => {
    for (const surface of SURFACES) assert.ok(contrast(colour("control-line"), colour(surface)) >= 3, surface);
  });
}

test("every field has that border, and placeholders the colour of a text", () => {
  assert.match(base, /\ninput,\ntextarea \{\n {2}--line: var\(--control-line\);/);
  const all = [base, people, rooms, chat, composer, message].join("\n");
  const fields = [...all.matchAll(/([^{}]*\b(?:input|textarea|filter)\b[^{}]*)\{[^}]*?border: ([^;]+);/g)];
  assert.ok(fields.length >= 5);
  for (const [, selector, border] of fields) assert.match(border, /var\(--(?:line|control-line|muted)\)/, selector);
  const placeholders = [...all.matchAll(/::placeholder \{([^}]*)\}/g)];
  assert.ok(placeholders.length > 0);
  for (const [, rules] of placeholders) assert.match(rules, /color: var\(--muted\);\s+opacity: 1;/);
});

test("in forced colours borders show what backgrounds showed", () => {
  const forced = base.slice(base.indexOf("forced-colors: active"));
  for (const part of [".avatar", ".badge", ".unread-badge", ".you", ".notice-bar"]) assert.ok(forced.includes(`  ${part}`), part);
});

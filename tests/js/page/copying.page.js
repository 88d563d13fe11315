/** What a person copies, and messages too long to show as a whole. */

import { all, drawn, equal, isInView, join, ok, one, row, select, server, until, write } from "./support.js";

const LONG = `a${"\n".repeat(4094)}z`;

/** The text on the clipboard after a copy. */
function copied() {
  let text = "";
  const take = ({ clipboardData, defaultPrevented }) => {
    text = defaultPrevented ? clipboardData.getData("text/plain") : getSelection().toString();
  };
  addEventListener("copy", take, { once: true });
  document.execCommand("copy");
  return text;
}

async function joinWith(...events) {
  for (const event of events) server.store({ type: "message", username: "bob", ...event });
  server.read = events.length;
  await join();
  // What copies loads at the first act.
  one("#notify").click();
  await until("dialog", () => one("#notify-dialog").open);
  one("#notify-close").click();
}

export const tests = {
  "copied messages have their authors, times and texts, and no words of buttons": async () => {
    await joinWith({ message: "one *fine* day\nand more" }, { message: "```js\nlet x;\n```" }, { username: "Zoë", message: "- a\n- b" }, { message: "end" });
    select(row(1).querySelector(".text"), row(4).querySelector(".text"));
    const times = [1, 2, 3, 4].map((seq) => row(seq).querySelector("time").textContent);
    equal(copied().split("\n"), [
      `[${times[0]}] bob: one fine day`,
      "and more",
      `[${times[1]}] bob: let x;`,
      `[${times[2]}] Zoë: a`,
      "b",
      `[${times[3]}] bob: end`,
    ]);
  },

  "of the first and the last message only the selected words are copied, and of one message just them": async () => {
    await joinWith({ message: "one two" }, { message: "three four" });
    const [first, last] = [1, 2].map((seq) => row(seq).querySelector(".text p").firstChild);
    getSelection().setBaseAndExtent(last, 5, first, 4);
    const times = [1, 2].map((seq) => row(seq).querySelector("time").textContent);
    equal(copied(), `[${times[0]}] bob: two\n[${times[1]}] bob: three`);
    getSelection().setBaseAndExtent(first, 0, first, 3);
    equal(copied(), "one");
  },

  "a message of 4,094 line breaks is folded, and the keyboard shows all of it and less again": async () => {
    const others = Array.from({ length: 24 }, () => ({ message: "short" }));
    await joinWith(...others, { message: LONG }, ...others);
    const long = row(others.length + 1);
    long.scrollIntoView({ block: "center" });
    await drawn();
    const height = () => long.getBoundingClientRect().height;
    const more = long.querySelector(".more");
    ok(height() < 500, `${height()} px high`);
    equal([more.textContent, more.ariaExpanded, more.tabIndex], ["Show more", "false", 0]);
    const top = long.getBoundingClientRect().top;
    more.focus();
    more.click();
    await drawn();
    ok(height() > 50_000, `${height()} px high`);
    equal([more.textContent, more.ariaExpanded], ["Show less", "true"]);
    ok(Math.abs(long.getBoundingClientRect().top - top) < 2, `the beginning moved from ${top} to ${long.getBoundingClientRect().top}`);
    more.focus();
    more.scrollIntoView();
    await drawn();
    more.click();
    await drawn();
    ok(height() < 500, `${height()} px high`);
    ok(isInView(more), "the button is out of view");
    ok(document.activeElement === more, "the button lost the focus");
  },

  "editing a folded message keeps all of its text": async () => {
    await joinWith();
    write(one("#text"), LONG);
    one("#composer").requestSubmit();
    await until("own message", () => all("#messages [data-state=sent]").length === 1);
    await drawn();
    one(".message [data-action=edit]").click();
    const field = one(".editor textarea");
    const longer = LONG.replace("\n", "b");
    ok(field.value === LONG, "the field has another text");
    ok(field.getBoundingClientRect().height <= innerHeight * 0.4 + 1, "the field is too high");
    write(field, longer);
    one(".editor").requestSubmit();
    await until("edit", () => server.sent("edit").length === 1);
    ok(server.sent("edit")[0].message === longer, "another text was sent");
    await drawn();
    ok(one(".message.folded").getBoundingClientRect().height < 500, "the message is not folded");
  },
};

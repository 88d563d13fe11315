/** The scrolling box follows its end, and leaves a reader elsewhere alone. */

import assert from "node:assert/strict";
import { test } from "node:test";
import "./support/browser.mjs";

globalThis.ResizeObserver = class {
  observe() {}
};
const { FollowingScroll } = await import("../../static/js/scroll.js");

/** A box that shows 100 pixels of 1,000. */
class FakeBox extends EventTarget {
  clientHeight = 100;
  children = [];
  scrollHeight = 1_000;
  #top = 0;

  get scrollTop() {
    return this.#top;
  }

  set scrollTop(top) {
    this.#top = Math.max(0, Math.min(top, this.scrollHeight - this.clientHeight));
  }

  querySelectorAll() {
    return [];
  }

  getBoundingClientRect() {
    return { top: 0, bottom: this.clientHeight };
  }
}

function atEnd() {
  const box = new FakeBox();
  const button = Object.assign(new EventTarget(), { hidden: true, textContent: "" });
  let moves = 0;
  const scroll = new FollowingScroll(box, button, () => {
    moves += 1;
  });
  scroll.toEnd();
  return { box, button, scroll, moves: () => moves };
}

test("a reader at the end stays there", () => {
  const { box, scroll } = atEnd();
  box.scrollHeight = 1_200;
  scroll.added();
  assert.equal(box.scrollTop, 1_100);
  box.clientHeight = 60;
  scroll.follow();
  assert.equal(box.scrollTop, 1_140);
});

test("a reader elsewhere stays there and sees how many messages are new", () => {
  const { box, button, scroll, moves } = atEnd();
  box.scrollTop = 300;
  box.dispatchEvent(new Event("scroll"));
  assert.deepEqual([scroll.isAtEnd, scroll.isNearTop, moves()], [false, false, 1]);
  scroll.added();
  assert.deepEqual([button.hidden, button.textContent], [false, "1 new message"]);
  scroll.added(2);
  assert.deepEqual([box.scrollTop, button.textContent], [300, "3 new messages"]);
  button.dispatchEvent(new Event("click"));
  assert.deepEqual([box.scrollTop, button.hidden, scroll.isAtEnd], [900, true, true]);
});

test("scrolling to the end by hand hides the button", () => {
  const { box, button, scroll } = atEnd();
  box.scrollTop = 300;
  box.dispatchEvent(new Event("scroll"));
  scroll.added();
  box.scrollTop = 900;
  box.dispatchEvent(new Event("scroll"));
  assert.equal(button.hidden, true);
  box.scrollTop = 300;
  box.dispatchEvent(new Event("scroll"));
  scroll.added();
  assert.equal(button.textContent, "1 new message");
});

test("two lines above the end count as at the end", () => {
  const { box, scroll } = atEnd();
  box.scrollTop = 852;
  box.dispatchEvent(new Event("scroll"));
  assert.ok(scroll.isAtEnd);
  box.scrollTop = 851;
  box.dispatchEvent(new Event("scroll"));
  assert.ok(!scroll.isAtEnd);
});

const changes = {
  hold: ({ scroll, box }) => scroll.hold(() => {
    box.scrollHeight += 20;
  }),
  added: ({ scroll }) => scroll.added(),
  follow: ({ scroll }) => scroll.follow(),
};
for (const [name, change] of Object.entries(changes)) {
  test(`${name} does not undo a scroll whose event is still to come`, () => {
    const view = atEnd();
    view.box.scrollTop = 0;
    change(view);
    assert.equal(view.box.scrollTop, 0);
  });
}

/** Typed helpers for elements of the page. */

/**
 * The first element that matches a selector.
 *
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} [root]
 * @returns {T}
 * @throws {TypeError} The page has no such element.
 */
export function find(selector, type, root = document) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new TypeError(`no ${type.name} matches ${selector}`);
  return element;
}

/**
 * Make an element. It is not yet on the page.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/**
 * Make a button that does not submit its form.
 *
 * @param {string} className
 * @param {string} text
 * @returns {HTMLButtonElement}
 */
export function makeButton(className, text) {
  const button = make("button", className, text);
  button.type = "button";
  return button;
}

/** Fits the page above the keyboard of a phone, where the browser lays the keyboard over the page. */

export function fitAboveKeyboard() {
  const { visualViewport } = globalThis;
  if (visualViewport === null) return;
  visualViewport.addEventListener("resize", () => {
    // A person who zooms in sees a part of the page, which keeps its height.
    const isCovered = visualViewport.scale === 1 && innerHeight - visualViewport.height > 1;
    document.body.style.height = isCovered ? `${visualViewport.height}px` : "";
    if (isCovered) globalThis.scrollTo(0, 0);
  });
}

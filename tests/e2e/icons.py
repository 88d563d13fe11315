"""Draws the icons of the installed page from favicon.svg: ``python -m tests.e2e.icons``."""

from pathlib import Path
from typing import Final

from tests.e2e.browser import chromium
from trio_chat.pages.site import find_static_folder

_DRAW: Final = """<style>
body {{ margin: 0; display: grid; place-items: center; height: 100vh; background: {back} }}
svg {{ width: {share}vw; height: {share}vw }}</style>{svg}"""

_ICONS: Final = (
    ("any", 192, "transparent", 94),
    ("any", 512, "transparent", 94),
    # Launchers cut a maskable icon to a circle of 80 % of its width.
    ("maskable", 512, "#e4e1fb", 56),
)


def draw(folder: Path) -> None:
    """Write the icons to ``icons/`` in the folder of the pages."""
    svg = (folder / "favicon.svg").read_text(encoding="utf-8")
    (folder / "icons").mkdir(exist_ok=True)
    with chromium() as browser:
        for kind, size, back, share in _ICONS:
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(_DRAW.format(back=back, share=share, svg=svg))
            path = folder / "icons" / f"{kind}-{size}.png"
            page.screenshot(path=path, omit_background=True)


if __name__ == "__main__":
    draw(find_static_folder())

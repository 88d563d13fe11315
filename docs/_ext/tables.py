"""Replaces ```` ```{from-code} settings ```` on a page with a table of `reference`."""  # noqa: INP001 - Sphinx puts this folder on the path

from typing import ClassVar

import reference
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

TABLES = {
    "settings": reference.settings,
    "drop-reasons": reference.drop_reasons,
    "metrics": reference.metrics,
}


class FromCode(SphinxDirective):
    """The directive that inserts a table by its name."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the table, parsed as a part of the page."""
        # Sphinx does not watch the installed package, so a cached page may be outdated.
        self.env.note_reread()
        lines = StringList(list(TABLES[self.arguments[0]]()), source=self.get_location())
        parent = nodes.Element()
        self.state.nested_parse(lines, self.content_offset, parent)
        return parent.children


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive with Sphinx."""
    app.add_directive("from-code", FromCode)
    return {"parallel_read_safe": True}

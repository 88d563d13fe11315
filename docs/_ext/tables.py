"""Puts a table of `reference` where a page says ```` ```{from-code} settings ````."""  # noqa: INP001 - Sphinx puts this folder on the path

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
    """One of the tables, by name."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Make the table, and have it parsed as a part of the page."""
        # An installed package is no file of this project, so a cached page might be out of date.
        self.env.note_reread()
        lines = StringList(list(TABLES[self.arguments[0]]()), source=self.get_location())
        parent = nodes.Element()
        self.state.nested_parse(lines, self.content_offset, parent)
        return parent.children


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of it."""
    app.add_directive("from-code", FromCode)
    return {"parallel_read_safe": True}

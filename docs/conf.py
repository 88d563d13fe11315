"""Settings of Sphinx, for ``sphinx-build -n -W -b html docs docs/_build/html``."""  # noqa: INP001 - Sphinx runs it as a script

import sys
from pathlib import Path

from trio_chat import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "trio_chat"
author = "the trio_chat authors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "draft", "tables"]
exclude_patterns = [
    "_build",
    "_ext",
    "changelog.d",
    "explanation/bench-table.md",
    "explanation/nodes-table.md",
]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

# In docstrings a name between single backticks is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

nitpicky = True
# Other projects document these. Links would need their indexes, and the build uses no network.
nitpick_ignore_regex = [(r"py:.*", r"(trio|collections|enum|os|ssl)\..*")]

# Modules import it for type checkers only, so Sphinx does not know its full name.
nitpick_ignore = [("py:class", "CloseCode")]

html_theme = "furo"
html_title = f"trio_chat {version}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["home.css"]

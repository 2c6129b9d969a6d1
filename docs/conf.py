"""Sphinx: `make docs` builds the site offline; the reference pages are generated from the code that they describe."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate

from naba import __version__

project = "naba · نبأ"
author = "the naba contributors"
release = version = __version__
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "README.md"]
html_theme = "furo"
html_title = "naba · نبأ"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["naba.css"]


def setup(app):
    app.connect("builder-inited", lambda _: generate.write_all(Path(__file__).parent / "reference"))

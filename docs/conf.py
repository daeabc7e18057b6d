"""Configuration of the documentation site: ``sphinx-build -n -W -b html docs docs/_build/html``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from _tools.addresses import REPOSITORY, SITE

from trioflow._version import __version__

project = "trioflow"
author = "the trioflow developers"
copyright = "the trioflow developers"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinxcontrib_trio",  # says which methods are async, and which need `async with`
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "_tools.public_names",
    "_tools.transcripts",
    "_tools.pictures",
    "_tools.reference",
    "_tools.search",
    "_tools.headings",
    "_tools.navigation",
    "_tools.plain",
]
exclude_patterns = ["_build", "_tools", "changes"]
nitpicky = True
smartquotes = False  # they cost a tenth of the build

# ---------------------------------------------------------------- pages
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "trioflow"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Absolute: otherwise it is looked for where the build is called.
html_search_scorer = str(Path(__file__).parent / "_static" / "scorer.js")
html_baseurl = SITE
html_copy_source = False  # _tools.plain writes each page as Markdown, beside it
html_show_sphinx = False
html_theme_options = {
    "navigation_with_keys": True,
    **(
        {
            "source_repository": REPOSITORY,
            "source_branch": "main",
            "source_directory": "docs/",
        }
        if REPOSITORY
        else {}
    ),
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = "$ "
copybutton_copy_empty_lines = False

# ---------------------------------------------------------------- reference
default_role = "any"
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
toc_object_entries = False  # they made navigation slow; each class has a heading

# Never the network: each inventory is a file, see _tools/inventories.py.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3.11", "inv/python.inv"),
    "trio": ("https://trio.readthedocs.io/en/stable", "inv/trio.inv"),
    "attrs": ("https://www.attrs.org/en/22.2.0", "inv/attrs.inv"),
    "cattrs": ("https://catt.rs/en/v22.2.0", "inv/cattrs.inv"),
}
intersphinx_disabled_reftypes: list[str] = []

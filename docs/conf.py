"""Sphinx configuration: ``sphinx-build -W docs docs/_build``."""

from cytosurf import __version__

project = "cytosurf"
author = "The cytosurf developers"
release = __version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = f"cytosurf {release}"
autosummary_generate = True
autosummary_imported_members = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
myst_heading_anchors = 3
suppress_warnings = [
    "myst.xref_missing",
    "myst.header",
]  # links out of docs

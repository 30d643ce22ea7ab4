"""Sphinx's settings for the pages that build.py puts together."""

from __future__ import annotations

from typing import Any

from docutils import nodes

project = "gpuready"
author = "The gpuready authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_antsibull_ext"]
root_doc = "README"
html_theme = "furo"
html_title = "gpuready"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
highlight_language = "text"  # a block that names none is output of a terminal
myst_heading_anchors = 3
toc_object_entries = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

# Terms of Ansible's own documentation that antsibull-docs refers to; looked up here, so that the build asks no network.
_ANSIBLE = "https://docs.ansible.com/ansible/latest/"
_TERMS = {
    "action_plugins": "plugins/action.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
}


def _term(app: Any, environment: Any, node: Any, shown: Any) -> Any:
    page = _TERMS.get(node.get("reftarget"))
    return nodes.reference("", "", shown, refuri=_ANSIBLE + page) if page else None


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", _term)

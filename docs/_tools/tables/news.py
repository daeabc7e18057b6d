"""The news fragments, as the next entry of the change log will have them."""

from __future__ import annotations

import tomllib

from _tools.addresses import ROOT


def news() -> str:
    """Return the fragments under the titles of their types, in towncrier's order."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
    parts = []
    for kind in settings["type"]:
        files = sorted((ROOT / settings["directory"]).glob(f"*.{kind['directory']}.md"))
        items = [f"- {' '.join(file.read_text('utf-8').split())}" for file in files]
        if items:
            parts.append("\n".join([f"**{kind['name']}**", "", *items]))
    return "\n\n".join(parts)

"""The command line, from the commands themselves, those of the project's plugins included."""

from __future__ import annotations

import re

from trioflow._cli.app import make_app
from trioflow._host.commands import add_plugin_commands


def commands() -> str:
    """Return a section per command."""
    app = make_app()
    add_plugin_commands(app)
    text = app.generate_docs(output_format="markdown")
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    own = [each for each in sections if each.startswith("## trioflow ")]
    own.sort(key=lambda each: each.splitlines()[0])
    return re.sub(r"^## (trioflow .*)$", r"## `\1`", "\n".join(own), flags=re.MULTILINE)

"""The command line, from the commands themselves, those of the project's plugins included."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from trioflow._cli.app import make_app
from trioflow._host.commands import add_plugin_commands


def commands() -> str:
    """Return a section per command."""
    app = make_app()
    add_plugin_commands(app)
    with as_installed():
        text = app.generate_docs(output_format="markdown")
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    own = [each for each in sections if each.startswith("## trioflow ")]
    own.sort(key=lambda each: each.splitlines()[0])
    return re.sub(r"^## (trioflow .*)$", r"## `\1`", "\n".join(own), flags=re.MULTILINE)


@contextmanager
def as_installed() -> Iterator[None]:
    """Let usage lines be those of a command, although a build may run as ``python -m sphinx``."""
    main = sys.modules["__main__"]
    spec, main.__spec__ = main.__spec__, None
    try:
        yield
    finally:
        main.__spec__ = spec

"""The directive ``transcript``: commands that the build runs, shown with what they print.

Its content is a list of commands, each after ``$ ``; other lines continue a command. They run in a
folder of the page, in which the page's Python blocks with a caption are saved under that name.
Options: ``exit`` is the expected exit code of the last command (0), ``files`` are programs beside
the page to copy, ``hide`` runs the commands and shows nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from _tools.forked import open_programs

CAPTIONED = re.compile(
    r"^```\{code-block\} \w+\n(?:.*\n)*?:caption: (?P<name>[\w./-]+)\n(?::.*\n)*\n?"
    r"(?P<text>(?:.*\n)*?)```$",
    re.MULTILINE,
)
EXPORTED = re.compile(r"export (?P<name>\w+)=(?P<value>\S+)")
VARIABLES: dict[str, dict[str, str]] = {}
"""By page: the variables that its commands have exported."""
FOLDERS: dict[str, Path] = {}
"""By page: the folder in which its commands run."""
PROGRAMS = ExitStack()
"""What is open while pages are read."""


def folder_of(page: str) -> Path:
    """Return the folder of a page; it is made on first use, and removed with the process."""
    if page not in FOLDERS:
        holder = tempfile.TemporaryDirectory(prefix="trioflow-docs-")
        KEPT.append(holder)
        FOLDERS[page] = Path(holder.name)
    return FOLDERS[page]


def open_shell(app: Sphinx, env: object, pages: list[str]) -> None:
    """Make the programs that commands call, if there are pages to read."""
    if pages:
        folder = PROGRAMS.enter_context(tempfile.TemporaryDirectory(prefix="trioflow-docs-"))
        PROGRAMS.enter_context(open_programs(Path(folder), environment()))
        SHELL_PATH.insert(0, folder)


SHELL_PATH = [str(Path(sys.executable).parent)]
KEPT: list[tempfile.TemporaryDirectory[str]] = []


def save_files(source: str, folder: Path) -> None:
    """Save the blocks with a caption in the folder of their page."""
    for found in CAPTIONED.finditer(source):
        path = folder / found["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found["text"], "utf-8")


def environment() -> dict[str, str]:
    """Return the variables for commands: nothing of the user's terminal, and our programs first."""
    return {
        "PATH": os.pathsep.join([*SHELL_PATH, os.environ.get("PATH", "")]),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "COLUMNS": "88",
        "TERM": "dumb",
        "TZ": "UTC",
        "PYTHONWARNINGS": "ignore",
    }


def shell(
    command: str, folder: Path, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, with both streams as one and nothing to read."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def run(command: str, folder: Path, expected: int, page: str = "") -> str:
    """Run a command, and return what it prints on both streams."""
    exported = EXPORTED.fullmatch(command)
    if exported:
        VARIABLES.setdefault(page, {})[exported["name"]] = exported["value"]
        return ""
    done = shell(command, folder, {**environment(), **VARIABLES.get(page, {})})
    if done.returncode != expected:
        raise ExtensionError(f"{command}\nexited with {done.returncode}:\n{done.stdout}")
    return done.stdout.replace(f"{folder}/", "")


class Transcript(SphinxDirective):
    """Run commands, and show them with their output."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "exit": directives.nonnegative_int,
        "files": directives.unchanged,
        "hide": directives.flag,
        "lines": directives.nonnegative_int,
    }

    def run(self) -> list[nodes.Node]:
        folder = folder_of(self.env.docname)
        page = Path(self.env.doc2path(self.env.docname))
        save_files(page.read_text("utf-8"), folder)
        for name in self.options.get("files", "").split():
            shutil.copy(page.parent / name, folder)
            self.env.note_dependency(str(page.parent / name))
        shown = self._run_all(folder)
        if "hide" in self.options:
            return []
        block = nodes.literal_block(shown, shown, language="console")
        block["force"] = True  # what programs print need not follow the grammar of a shell
        block["classes"].append("transcript")
        return [block]

    def _run_all(self, folder: Path) -> str:
        commands = re.split(r"^\$ ", "\n".join(self.content), flags=re.MULTILINE)[1:]
        parts = []
        for number, command in enumerate(commands):
            is_last = number == len(commands) - 1
            expected = self.options.get("exit", 0) if is_last else 0
            output = run(command.strip(), folder, expected, self.env.docname)
            lines = output.splitlines()
            most = self.options.get("lines", len(lines))
            if len(lines) > most:
                lines = [*lines[:most], "..."]
            parts.append("\n".join([f"$ {command.strip()}", *lines]))
        return "\n".join(parts)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("transcript", Transcript)
    app.connect("env-before-read-docs", open_shell)
    app.connect("build-finished", lambda app, error: PROGRAMS.close())
    return {"parallel_read_safe": True}

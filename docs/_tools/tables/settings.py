"""What can be set: environment variables, and the options of engines and servers."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import attrs
from sphinx.pycode import ModuleAnalyzer
from trioflow_server import Limits, ServerOptions

import trioflow
from _tools.addresses import ROOT
from _tools.tables import as_markdown, table

VARIABLES = {
    "TRIOFLOW_STORE": "URL of the store that the command line uses if `--store` is not given.",
    "TRIOFLOW_VALUES": "URL of the value store of the command line, for "
    "[large values](../howto/large.md).",
    "TRIOFLOW_DISABLE": "Names of installed plugins not to load, separated by commas.",
    "TRIOFLOW_BLOCK_SECONDS": "For the command line: how many seconds a step may block the event "
    "loop before its stack is printed. Default 0.5; 0 turns this off.",
    "TRIOFLOW_MCP_TOKEN": "For `trioflow mcp` over HTTP: the token that clients must send.",
    "TRIOFLOW_TOKENS": "For `trioflow serve`: who may do what, one token per line.",
}
NAME = re.compile(r'"(TRIOFLOW_[A-Z_]+)"')


def used_variables() -> set[str]:
    """Return the variables that the code of the package and its plugins names."""
    folders = [ROOT / "trioflow", *(ROOT / "plugins").glob("*/trioflow_*")]
    files: list[Path] = [file for folder in folders for file in folder.rglob("*.py")]
    return {name for file in files for name in NAME.findall(file.read_text("utf-8"))}


def variables() -> str:
    """Return the table of variables; those without a meaning here are left to their plugins."""
    names = sorted(used_variables())
    rows = [(f"`{name}`", VARIABLES.get(name, "See its plugin.")) for name in names]
    return table(("variable", "meaning"), rows)


ARGUMENT = re.compile(r"^  (\w+): (.*(?:\n    .*)*)", re.MULTILINE)


def engine_options() -> str:
    """Return the options of `open_engine` with their defaults."""
    documented = inspect.cleandoc(trioflow.open_engine.__doc__ or "")
    meanings = {name: " ".join(text.split()) for name, text in ARGUMENT.findall(documented)}
    parameters = inspect.signature(trioflow.open_engine).parameters.values()
    rows = [
        (f"`{each.name}`", f"`{each.default!r}`", as_markdown(meanings[each.name]))
        for each in parameters
    ]
    return table(("option", "default", "meaning"), rows)


def server_options() -> str:
    """Return the options of a server, and its limits."""
    return "\n\n".join(map(fields, (ServerOptions, Limits)))


def fields(cls: type[attrs.AttrsInstance]) -> str:
    comments = ModuleAnalyzer.for_module(cls.__module__).find_attr_docs()
    rows = []
    for field in attrs.fields(cls):
        meaning = " ".join(" ".join(comments.get((cls.__name__, field.name), [])).split())
        default = getattr(field.default, "factory", None)
        shown = f"{default.__name__}()" if default else repr(field.default)
        rows.append((f"`{field.name}`", f"`{shown}`", as_markdown(meaning)))
    return f"`{cls.__name__}`\n\n{table(('option', 'default', 'meaning'), rows)}"

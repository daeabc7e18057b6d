"""Lists what plugins provide, and prints workflows."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import get_args

from trioflow._cli.display import say
from trioflow._cli.errors import FAILED, SUCCESS, explain
from trioflow._cli.tables import print_listing
from trioflow._cli.text import clean
from trioflow._host.checking import problems_of
from trioflow._host.plugins import PluginHost, PluginInfo
from trioflow._values.structure import type_name
from trioflow.commands import find_workflow
from trioflow.describe import Definition, to_mermaid, to_tree
from trioflow.tools import Tool

HEADERS = ("ID", "INPUT", "OUTPUT", "FROM", "DESCRIPTION")
ASCII = str.maketrans("├└│─", "|`|-")


def print_steps() -> None:
    """List all steps."""
    host = _host()
    _print_definitions(host, host.steps)


def print_tools() -> None:
    """List all tools."""
    host = _host()
    _print_definitions(host, host.tools)


def print_workflows() -> None:
    """List all workflows."""
    host = _host()
    _print_definitions(host, host.workflows)


def print_plugins() -> int:
    """List all plugins, what they provide and what is broken; return the exit code."""
    host = PluginHost(keep_broken=True)
    problems = problems_of(host)
    infos = {info.name: info for info, _ in host.broken.values()}
    infos |= {info.name: info for info in host.plugins}
    rows = [
        (name, info.distribution, info.version, _provided(info, problems.get(name, ())))
        for name, info in sorted(infos.items())
    ]
    print_listing(("NAME", "DISTRIBUTION", "VERSION", "PROVIDES"), rows, "no plugins")
    return FAILED if problems else SUCCESS


def _host() -> PluginHost:
    """Return the plugins, and report broken ones."""
    host = PluginHost(keep_broken=True)
    for _, error in host.broken.values():
        say(explain(error))
    return host


def print_graph(target: str, mermaid: bool) -> None:
    """Print a workflow as a tree or as a Mermaid diagram.

    Raises:
      UsageError: if there is no such workflow.
      PluginError: if a plugin is broken.
    """
    found = find_workflow(target)
    text = clean((to_mermaid if mermaid else to_tree)(found.workflow, found.resolve))
    is_utf = sys.stdout.encoding.lower().startswith("utf")
    print(text if is_utf or mermaid else text.translate(ASCII))


def _print_definitions(
    host: PluginHost,
    definitions: Mapping[str, Definition],
) -> None:
    infos = {info.name: info for info in host.plugins}
    rows = [
        (
            id,
            _input_of(definition),
            _output_of(definition),
            infos[host.providers[id]].origin,
            definition.description,
        )
        for id, definition in sorted(definitions.items())
    ]
    print_listing(HEADERS, rows, "no plugin provides any")


def _input_of(definition: Definition) -> str:
    if isinstance(definition, Tool):
        return ", ".join(f"{p.name}: {type_name(p.type)}" for p in definition.parameters)
    return type_name(definition.input)


def _output_of(definition: Definition) -> str:
    if not isinstance(definition, Tool) or not definition.streaming:
        return type_name(definition.output)
    pieces = get_args(definition.signature.returns)  # of AsyncIterator[str]
    return f"{type_name(pieces[0]) if pieces else 'Any'}, piece by piece"


def _provided(info: PluginInfo, problems: Sequence[str]) -> str:
    listed = {"trioflow_workflows", "trioflow_steps", "trioflow_tools"}
    hooks = (f"hook {hook}" for hook in info.hooks if hook not in listed)
    provided = ", ".join((*info.workflows, *info.steps, *info.tools, *hooks))
    return "; ".join((*(f"BROKEN: {problem}" for problem in problems), *filter(None, [provided])))

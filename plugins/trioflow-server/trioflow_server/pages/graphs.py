"""The graph of a workflow, and what of it a run has done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trioflow_pictures import to_svg

from trioflow import RunRecord, Workflow
from trioflow_server.service import Service

_NUMBERS = re.compile(r"#\d+|\[\d+\]|~\d+")
_ORDER = (
    *("running", "waiting", "failed", "suspended", "paused", "canceled", "bailed", "success"),
)
"""Where several calls are one card, the card has the first of these statuses."""


def draw_graph(service: Service, workflow: Workflow[Any, Any]) -> str:
    """Return the SVG element of a workflow, without a style."""
    owners = {
        id: info.name
        for info in service.engine.plugins
        for id in (*info.steps, *info.tools, *info.workflows)
    }
    return to_svg(
        workflow,
        service.describer.find,
        lambda definition: owners.get(definition.id),
        style=False,
        sources=service.options.show_sources,
    )


def statuses_of(record: RunRecord) -> Mapping[str, str]:
    """Return the statuses of the cards of a graph, by address."""
    newest = {call.address: call.status for call in record.records}
    for address, call in record.open.items():
        newest[address] = "waiting" if call.is_parked else call.status
    found: dict[str, str] = {}
    for address, status in newest.items():
        card = _NUMBERS.sub("", address)
        known = found.get(card)
        if known is None or _ORDER.index(status) < _ORDER.index(known):
            found[card] = status
    return found


def colored(svg: str, statuses: Mapping[str, str]) -> str:
    """Return a graph with the statuses of its cards."""

    def color(match: re.Match[str]) -> str:
        status = statuses.get(match[1])
        return match[0] if status is None else f'{match[0]} data-status="{status}"'

    return re.sub(r'data-address="([^"]*)"', color, svg)

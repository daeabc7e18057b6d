"""The nodes of the case format, as calls of trioflow's builder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from trioflow import Step, Tool, Workflow

from .expressions import as_number
from .place import seconds

if TYPE_CHECKING:
    from .build import Builder

Target: TypeAlias = Step[Any, Any] | Tool[..., Any] | Workflow[Any, Any]
Node: TypeAlias = Mapping[str, Any]
Built: TypeAlias = Workflow[Any, Any]
Find: TypeAlias = Callable[[str], Any]
"""Returns the step, tool or workflow that a ref stands for."""


def _then(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    built: Built = workflow.then(find(node["step"]))
    return built


def _parallel(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    # The recorded engine lets siblings of a failed step end, here and below.
    return workflow.parallel(*map(find, node["steps"]), on_error="finish")


def _branch(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    arms = [(build.condition(expr), find(ref)) for expr, ref in node["arms"]]
    return workflow.branch(*arms, on_error="finish")


def _dowhile(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    return workflow.dowhile(find(node["step"]), build.condition(node["cond"]))


def _dountil(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    return workflow.dountil(find(node["step"]), build.condition(node["cond"]))


def _foreach(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    concurrency = max(1, int(node.get("concurrency", 1)))
    built: Built = workflow.foreach(find(node["step"]), concurrency=concurrency, on_error="finish")
    return built


def _map(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    if "fn" in node:
        return workflow.map(build.function(node["fn"]), id=node.get("id"))
    spec = {key: build.source(source) for key, source in node["spec"].items()}
    return workflow.map(spec, id=node.get("id"))


def _sleep(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    if "msExpr" not in node:
        return workflow.sleep(seconds(node["ms"]), id=node.get("id"))
    function = build.function(node["msExpr"])
    return workflow.sleep(lambda data, ctx: seconds(function(data, ctx)), id=node.get("id"))


def _sleep_until(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    if "inMsExpr" not in node:
        return workflow.sleep_until(_in_ms(node["inMs"]), id=node.get("id"))
    function = build.function(node["inMsExpr"])
    return workflow.sleep_until(lambda data, ctx: _in_ms(function(data, ctx)), id=node.get("id"))


def _in_ms(ms: Any) -> datetime:
    # From the clock that the engine looks at as well, so that both can be virtual.
    return datetime.fromtimestamp(time.time(), UTC) + timedelta(milliseconds=as_number(ms))


def _wait_for_event(build: Builder, find: Find, workflow: Built, node: Node) -> Built:
    # The recorded engine takes a time-out of 0 for none.
    timeout = seconds(node["timeoutMs"]) if node.get("timeoutMs") else None
    return workflow.wait_for_event(node["event"], find(node["step"]), timeout=timeout)


NODES: dict[str, Callable[[Builder, Find, Built, Node], Built]] = {
    "then": _then,
    "parallel": _parallel,
    "branch": _branch,
    "dowhile": _dowhile,
    "dountil": _dountil,
    "foreach": _foreach,
    "map": _map,
    "sleep": _sleep,
    "sleepUntil": _sleep_until,
    "waitForEvent": _wait_for_event,
}

"""What a case contains: the rules that say which cases a deviation concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .build import Case


def specs(case: Case) -> Iterator[Mapping[str, Any]]:
    yield case["workflow"]
    yield from case["defs"].values()


def nodes(case: Case, *kinds: str) -> Iterator[Mapping[str, Any]]:
    nodes = (node for spec in specs(case) for node in spec.get("graph", ()))
    return (node for node in nodes if node["kind"] in kinds)


def arms(node: Mapping[str, Any]) -> list[str]:
    return node.get("steps") or [ref for _, ref in node.get("arms", ())]


def inside(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object in a value, however deep."""
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from inside(item)


def ops(value: Any, op: str) -> int:
    return sum(found.get("op") == op for found in inside(value))


def nested(case: Case) -> Iterator[str]:
    """Yield the refs of nested workflows."""
    return (ref for ref, spec in case["defs"].items() if spec.get("type") == "workflow")


def actions(case: Case, *kinds: str) -> list[tuple[int, Mapping[str, Any]]]:
    return [(i, action) for i, action in enumerate(case["script"]) if action["do"] in kinds]


BLOCKS = ("parallel", "branch")
LOOPS = ("dowhile", "dountil", "foreach")
TRAVELS = ("timeTravel", "timeTravelStream")
ANSWERS = ("resume", "resumeStream", "resumeStreamVNext")
STARTS = ("start", "stream", "streamVNext", "streamLegacy")


def is_twice(values: list[Any]) -> bool:
    return len(set(values)) < len(values)


def run_names(case: Case) -> list[str]:
    return [action.get("run", "run") for _, action in actions(case, *STARTS)]


WHEN: dict[str, Callable[[Case], bool]] = {
    "a_branch_condition_raises": lambda case: bool(set(raised(case))),
    "an_arm_bails": lambda case: any(
        ops(case["defs"][ref], "bail") for node in nodes(case, *BLOCKS) for ref in arms(node)
    ),
    "a_run_is_started_twice": lambda case: is_twice(run_names(case)),
    "the_start_is_rejected": lambda case: any(
        key in case["workflow"] for key in ("inputSchema", "stateSchema")
    ),
    "a_mapping_has_a_source": lambda case: any("spec" in node for node in nodes(case, "map")),
    "the_workflow_is_not_committed": lambda case: case["workflow"].get("commit") is False,
    "the_workflow_has_no_nodes": lambda case: not case["workflow"]["graph"],
    "a_block_has_no_arms_or_one_twice": lambda case: any(
        not arms(node) or is_twice(arms(node)) for node in nodes(case, *BLOCKS)
    ),
    "a_tool_has_no_output_schema": lambda case: any(
        spec.get("noOutputSchema") for spec in specs(case)
    ),
    "events_are_sent_to_waits": lambda case: (
        any(nodes(case, "waitForEvent")) and bool(actions(case, "sendEvent"))
    ),
    "there_is_a_foreach": lambda case: any(nodes(case, "foreach")),
    "there_is_a_concurrent_foreach": lambda case: any(
        node.get("concurrency", 1) > 1 for node in nodes(case, "foreach")
    ),
    "a_body_sets_the_state_twice": lambda case: any(
        ops(spec, "setState") > 1 for spec in specs(case)
    ),
    "someone_observes": lambda case: bool(actions(case, "observe")),
    "an_answer_names_a_label": lambda case: any(
        "label" in action for _, action in actions(case, *ANSWERS)
    ),
    "a_run_goes_step_by_step": lambda case: any(
        action.get("opts", {}).get("perStep") for action in case["script"]
    ),
    "a_travel_brings_input": lambda case: any(
        "input" in action for _, action in actions(case, *TRAVELS)
    ),
    "a_travel_leads_past_blocks_or_loops": lambda case: (
        bool(actions(case, *TRAVELS)) and any(nodes(case, *BLOCKS, *LOOPS))
    ),
    "a_travel_in_a_run_with_state": lambda case: (
        bool(actions(case, *TRAVELS)) and bool(ops(case["defs"], "setState"))
    ),
    "a_travel_leads_into_nested_steps": lambda case: any(
        isinstance(action["step"], list) or "." in action["step"]
        for _, action in actions(case, *TRAVELS)
    ),
    "a_stream_goes_on_with_a_run": lambda case: bool(
        actions(case, "resumeStream", "resumeStreamVNext", "timeTravelStream")
    ),
    "an_answer_names_an_item": lambda case: any(
        "forEachIndex" in action for _, action in actions(case, *ANSWERS)
    ),
    "a_workflow_with_branches_suspends": lambda case: (
        any(nodes(case, "branch")) and bool(ops(case["defs"], "suspend"))
    ),
    "a_travel_in_any_run": lambda case: bool(actions(case, *TRAVELS)),
    "a_restart_of_any_run": lambda case: bool(actions(case, "restart")),
    "an_answer_is_for_a_nested_step": lambda case: any(
        isinstance(action.get("step"), list) or action.get("step") in set(nested(case))
        for _, action in actions(case, *ANSWERS)
    ),
    "an_answer_names_nested_steps_in_short": lambda case: any(
        isinstance(action.get("step"), str) and bool(set(nested(case)))
        for _, action in actions(case, *ANSWERS)
    ),
    "a_workflow_with_hooks_suspends": lambda case: (
        any("hooks" in spec for spec in specs(case)) and bool(ops(case["defs"], "suspend"))
    ),
    "items_suspend": lambda case: (
        any(nodes(case, "foreach")) and bool(ops(case["defs"], "suspend"))
    ),
    "several_arms_suspend": lambda case: (
        any(nodes(case, *BLOCKS)) and sum(ops(spec, "suspend") > 0 for spec in specs(case)) > 1
    ),
    "a_tool_suspends": lambda case: any(
        spec.get("type") == "tool" and ops(spec, "suspend") for spec in specs(case)
    ),
    "a_stream_stays_open": lambda case: any(
        action.get("opts", {}).get("closeOnSuspend") is False for action in case["script"]
    ),
    "the_run_is_canceled": lambda case: (
        bool(actions(case, "cancel"))
        or any(
            "abort" in (found.get("op"), *found)
            for found in inside([case["workflow"], case["defs"]])
        )
    ),
}


def raised(case: Case) -> Iterator[str]:
    """Yield the texts that branch conditions raise."""
    for node in nodes(case, "branch"):
        for condition, _ in node["arms"]:
            yield from (found["raise"] for found in inside(condition) if "raise" in found)

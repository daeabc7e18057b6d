"""Workflows as trees and diagrams."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from trioflow import Step, Tool, Workflow, constant, from_input, step, tool
from trioflow.describe import Outline, outline, to_mermaid, to_tree
from trioflow.describe._mermaid import escape_label


@step
async def first(x: int) -> int:
    return x


@step
async def second(x: int) -> int:
    return x


@step
async def untyped(x):  # type: ignore[no-untyped-def]
    return x


@tool
async def look(q: str) -> str:
    return q


def is_big(x: int) -> bool:
    return x > 9


def flow(id: str = "flow") -> Workflow[int, int]:
    return Workflow(id, input=int, output=int)


def tree_of(workflow: Workflow[Any, Any], **known: Any) -> list[str]:
    return to_tree(workflow, known.get).splitlines()


# ---------------------------------------------------------------- trees
def test_a_chain_is_listed_in_order_with_its_types() -> None:
    assert tree_of(flow().then(first).then(untyped)) == [
        "flow (int -> int)",
        "├─ first (int -> int)",
        "└─ untyped",
    ]


def test_arms_and_conditions_are_inside_their_block() -> None:
    workflow = flow().branch((is_big, first), (lambda x: True, second)).parallel(first, second)

    assert tree_of(workflow)[1:] == [
        "├─ branch",
        "│  ├─ if is_big: first (int -> int)",
        "│  └─ if True: second (int -> int)",
        "└─ in parallel",
        "   ├─ first (int -> int)",
        "   └─ second (int -> int)",
    ]


def test_loops_name_their_condition() -> None:
    workflow = flow().dountil(first, is_big).dowhile(first, lambda x: x < 3)

    assert tree_of(workflow)[1::2] == ["├─ repeat until is_big", "└─ repeat while x < 3"]


def test_nested_workflows_show_what_is_in_them() -> None:
    items = Workflow("items", input=list[int], output=list[int])
    workflow = items.foreach(flow("inner").then(first), concurrency=4)

    assert tree_of(workflow) == [
        "items (list[int] -> list[int])",
        "└─ for each item, 4 at a time",
        "   └─ inner (int -> int)",
        "      └─ first (int -> int)",
    ]


def test_waits_say_how_long() -> None:
    workflow = (
        flow()
        .sleep(90)
        .sleep(lambda x: x)
        .sleep_until(datetime(2030, 1, 2, tzinfo=UTC))
        .wait_for_event("go", first, timeout=0.5)
        .wait_for_event("stop", first)
    )

    assert [line for line in tree_of(workflow) if "first" not in line][1:] == [
        "├─ sleep sleep_flow_0, 90 s",
        "├─ sleep sleep_flow_1, computed",
        "├─ sleep sleep_flow_2, until 2030-01-02 00:00:00+00:00",
        "├─ wait for event 'go', at most 0.5 s",
        "└─ wait for event 'stop'",
    ]


def test_mappings_name_their_keys_or_their_function() -> None:
    workflow = (
        flow().map({"a": constant(1), "b": from_input()}).map(is_big).map(lambda x: x, id="m")
    )

    assert tree_of(workflow)[1:] == [
        "├─ map mapping_flow_0, builds a, b",
        "├─ map mapping_flow_1, is_big",
        "└─ map m, a function",
    ]


def test_ids_are_resolved_if_somebody_knows_them() -> None:
    workflow = flow().then("first").then("look").then("inner").then("unknown")

    lines = tree_of(workflow, first=first, look=look, inner=flow("inner").then(second))

    assert lines[1:] == [
        "├─ first (int -> int)",
        "├─ tool look (str -> str)",
        "├─ inner (int -> int)",
        "│  └─ second (int -> int)",
        "└─ unknown",
    ]


def test_a_workflow_that_contains_itself_is_shown_once() -> None:
    workflow = flow().branch((is_big, "flow"))

    assert tree_of(workflow, flow=workflow)[-1] == (
        "   └─ if is_big: flow, recursive, shown above (int -> int)"
    )


def test_an_outline_is_a_value() -> None:
    workflow = flow().then(first)

    child = Outline("step", "first", input="int", output="int")
    assert outline(workflow) == Outline(
        "workflow", "flow", input="int", output="int", children=(child,)
    )


# ---------------------------------------------------------------- diagrams
def arrows_of(workflow: Workflow[Any, Any]) -> set[tuple[str, str, str]]:
    """Return the arrows of a diagram as (from, text, to), with labels instead of names."""
    text = to_mermaid(workflow)
    labels = dict(re.findall(r'^ *(n\d+)\W+"(.*)"\W+$', text, re.MULTILINE))
    arrow = re.compile(r'^  (n\d+) -->(?:\|"(.*)"\|)? (n\d+)$', re.MULTILINE)
    return {(labels[source], word, labels[to]) for source, word, to in arrow.findall(text)}


def test_a_chain_is_a_line_of_boxes() -> None:
    assert to_mermaid(flow().then(first)).splitlines() == [
        "flowchart TD",
        '  n0(["flow"])',
        '  n1["first"]',
        '  n2(["end"])',
        "  n0 --> n1",
        "  n1 --> n2",
    ]


def test_arms_begin_at_their_block_and_meet_behind_it() -> None:
    assert arrows_of(flow().parallel(first, second)) == {
        ("flow", "", "in parallel"),
        ("in parallel", "", "first"),
        ("in parallel", "", "second"),
        ("first", "", "end"),
        ("second", "", "end"),
    }


def test_a_branch_has_a_way_for_no_condition() -> None:
    assert arrows_of(flow().branch((is_big, first))) == {
        ("flow", "", "branch"),
        ("branch", "is_big", "first"),
        ("branch", "otherwise", "end"),
        ("first", "", "end"),
    }


@pytest.mark.parametrize(("kind", "again", "on"), [("until", "no", "yes"), ("while", "yes", "no")])
def test_a_loop_leads_back(kind: str, again: str, on: str) -> None:
    workflow = flow().dountil(first, is_big) if kind == "until" else flow().dowhile(first, is_big)

    loop = f"repeat {kind} is_big"
    assert arrows_of(workflow) == {
        ("flow", "", loop),
        (loop, "", "first"),
        ("first", "", "is_big"),
        ("is_big", again, loop),
        ("is_big", on, "end"),
    }


def test_frames_hold_their_boxes_and_no_arrow() -> None:
    workflow = Workflow("flow", input=list[int]).foreach(flow("inner").then(first))

    lines = to_mermaid(workflow).splitlines()

    assert lines[2:7] == [
        '  subgraph f0["for each item"]',
        '    subgraph f1["inner"]',
        '      n1["first"]',
        "    end",
        "  end",
    ]
    assert all("-->" in line for line in lines[8:])


def test_an_empty_workflow_is_a_box() -> None:
    assert arrows_of(flow().then(flow("empty"))) == {("flow", "", "empty"), ("empty", "", "end")}


def test_every_kind_of_node_has_a_place_in_the_line() -> None:
    workflow = flow().then(look).sleep(1).map(len).wait_for_event("go", first).then("x")

    assert arrows_of(workflow) == {
        ("flow", "", "look"),
        ("look", "", "sleep_flow_0, 1 s"),
        ("sleep_flow_0, 1 s", "", "mapping_flow_0, len"),
        ("mapping_flow_0, len", "", "wait for event 'go'"),
        ("wait for event 'go'", "", "first"),
        ("first", "", "x"),
        ("x", "", "end"),
    }


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("plain id", '"plain id"'),
        ("files.list_all-2", '"files.list_all-2"'),
        ('say "hi"', '"say #34;hi#34;"'),
        ("<b>&nbsp;</b>", '"#60;b#62;#38;nbsp#59;#60;/b#62;"'),
        ("a[0]; b|c", '"a#91;0#93;#59; b#124;c"'),
        ("#35;", '"#35;35#59;"'),
        ("`code` **bold**", '"#96;code#96; #42;#42;bold#42;#42;"'),
        ("__init__", '"#95;#95;init#95;#95;"'),
        ("1. first", '"#49;#46; first"'),
        ("- first", '"#45; first"'),
        ("two\nlines", '"two lines"'),
        ("Zürich 東京", '"Zürich 東京"'),
    ],
)
def test_labels_show_exactly_their_text(text: str, label: str) -> None:
    assert escape_label(text) == label


def test_ids_cannot_break_out_of_a_diagram() -> None:
    hostile = 'x"] --> n0; click n0 "javascript'
    workflow = flow().then(Step("ok", first.fn, first.signature, int, int)).then(first.clone("end"))
    workflow = workflow.then(Tool(hostile, look.fn, look.signature, str))

    lines = to_mermaid(workflow).splitlines()

    assert len(lines) == 1 + 5 + 4
    assert all(re.fullmatch(r'  n\d\S*"[^"]*"\S*|  n\d --> n\d', line) for line in lines[1:])

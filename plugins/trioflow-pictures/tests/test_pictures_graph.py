"""Drawings of workflows: what is in them, where it stands, and that they are well-formed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from trioflow_pictures import to_svg
from trioflow_pictures.graph.measure import shorten, width_of

from trioflow import Step, Workflow, from_input, step, tool
from trioflow.testing.strategies import workflows

from .draw_images import GRAPH, TIMELINE
from .example import trip

SVG = "{http://www.w3.org/2000/svg}"


@step
async def first(x: int) -> int:
    """Do it first."""
    return x


@step
async def second(x: int) -> int:
    return x


@tool
async def look(q: int) -> int:
    return q


def is_big(x: int) -> bool:
    return x > 9


def flow(id: str = "flow", **options: Any) -> Workflow[int, int]:
    return Workflow(id, input=int, output=int, **options)


def drawn(workflow: Workflow[Any, Any], **options: Any) -> ET.Element:
    return ET.fromstring(to_svg(workflow, **options))


def texts(svg: ET.Element) -> list[str]:
    """Return the texts that are seen, from the one that is written first."""
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def titles(svg: ET.Element) -> list[str]:
    """Return what is told when something is pointed at."""
    return [element.text or "" for element in svg.iter(f"{SVG}title")][1:]


def looks(svg: ET.Element, name: str) -> list[str]:
    return [each.get("class") or "" for each in svg.iter(f"{SVG}{name}")]


def places(svg: ET.Element) -> dict[str, tuple[float, float]]:
    """Return where on the page each text stands."""
    found: dict[str, tuple[float, float]] = {}

    def walk(element: ET.Element, x: float, y: float) -> None:
        moved = re.fullmatch(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
        if moved:
            x, y = x + float(moved[1]), y + float(moved[2])
        if element.tag == f"{SVG}text":
            found[element.text or ""] = (
                x + float(element.get("x", 0)),
                y + float(element.get("y", 0)),
            )
        for child in element:
            walk(child, x, y)

    walk(svg, 0, 0)
    return found


# ---------------------------------------------------------------- what is in them
def test_steps_stand_one_below_the_other_with_their_types_at_the_arrows() -> None:
    svg = drawn(flow().then(first).then(second))

    assert texts(svg) == ["flow", "int", "first", "int", "second", "int"]
    place = places(svg)
    assert place["first"][1] < place["second"][1]


def test_arms_stand_side_by_side_between_two_bars() -> None:
    svg = drawn(flow().parallel(first, second, look))

    place = places(svg)
    assert place["first"][1] == place["second"][1] == place["look"][1]
    assert place["first"][0] < place["second"][0] < place["look"][0]
    assert looks(svg, "rect").count("bar") == 2


def test_arms_of_a_branch_stand_below_their_conditions_beside_the_way_past_them() -> None:
    svg = drawn(flow().branch((is_big, first), (lambda x: True, second)))

    place = places(svg)
    assert place["if is_big"][1] < place["first"][1]
    assert place["if True"][1] < place["second"][1]
    assert place["if none holds"][0] > place["second"][0]


def test_loops_lead_back_and_say_when() -> None:
    svg = drawn(flow().dountil(first, is_big).dowhile(second, is_big))

    assert {"until is_big", "while is_big", "no", "yes"} <= set(texts(svg))
    assert looks(svg, "path").count("line back") == 2


def test_a_foreach_says_how_many_at_a_time() -> None:
    items = Workflow("items", input=list[int], output=list[int])
    svg = drawn(items.foreach(first, concurrency=4).foreach(second))

    assert {"for each item", "4 at a time", "one at a time", "list[int]"} <= set(texts(svg))


def test_nested_workflows_are_frames_around_what_is_in_them() -> None:
    svg = drawn(flow().then(flow("inner").then(first)))

    assert "frame workflow" in looks(svg, "rect")
    assert places(svg)["inner"][1] < places(svg)["first"][1]


def test_waits_and_mappings_have_their_own_shapes() -> None:
    moment = datetime(2030, 1, 2, tzinfo=UTC)
    workflow = flow().sleep(90).sleep_until(moment).wait_for_event("go", first, timeout=5)
    svg = drawn(workflow.map({"a": from_input()}, id="m").map(is_big, id="n"))

    assert {"sleep 90 s", "wait for event 'go'", "at most 5 s", "builds a"} <= set(texts(svg))
    assert {"card sleep", "card wait", "card map"} <= set(looks(svg, "rect"))


def test_types_are_known_through_blocks() -> None:
    bare: Workflow[Any, Any] = Workflow("bare")

    assert texts(drawn(bare.parallel(first, second))).count("int") == 1
    assert texts(drawn(bare.dountil(first, is_big))).count("int") == 4
    assert texts(drawn(bare.foreach(first))).count("list[int]") == 2
    assert texts(drawn(bare.wait_for_event("go", first).sleep(1))).count("int") == 3


def test_plugins_descriptions_and_unknown_ids_are_told() -> None:
    workflow = flow(description="Says what it is for.").then("first").then("nobody")
    known = {"first": first}
    svg = drawn(workflow, resolve=known.get, provider=lambda d: "demo" if d is first else None)

    assert {"from demo", "not known here", "Says what it is for."} <= set(texts(svg))
    assert "step first\nint -> int\nDo it first.\nfrom plugin demo" in titles(svg)


def test_long_ids_are_shortened_and_told_in_full() -> None:
    id = "a_step_with_a_name_that_tells_everything_about_it_v2"
    svg = drawn(flow().then(first.clone(id)))

    assert "a_step_with_a_nam…hing_about_it_v2" in texts(svg)
    assert any(id in title for title in titles(svg))


# ---------------------------------------------------------------- as files
def test_a_drawing_has_a_title_and_a_description() -> None:
    svg = drawn(flow(description="What for.").then(first))

    assert svg.get("role") == "img"
    assert [child.tag for child in svg][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert svg[0].text == "Workflow flow"
    assert svg[1].text == "What for.\nflow (int -> int)\n└─ first (int -> int)"


def test_a_drawing_needs_nothing_from_elsewhere() -> None:
    text = to_svg(trip)

    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("name", ["<b>&\"'", "]]>", "\x00\x1b[2J", "\ud800", "ﷺ天気\u202e"])
def test_names_of_strangers_stay_text(name: str) -> None:
    def condition(x: int) -> bool:
        return True

    condition.__name__ = name
    svg = drawn(flow(description=name).branch((condition, first)))

    shown = re.sub("[\x00\x1b\ud800]", "\ufffd", name)
    assert f"if {shown}" in texts(svg)


def test_the_same_workflow_gives_the_same_drawing() -> None:
    assert to_svg(trip) == to_svg(trip.clone("trip"))


@given(workflows())
def test_every_workflow_can_be_drawn_and_nothing_is_left_out(workflow: Workflow[Any, Any]) -> None:
    svg = drawn(workflow)

    width, height = float(svg.get("width", 0)), float(svg.get("height", 0))
    place = places(svg)
    assert all(0 <= x < width and 0 < y < height for x, y in place.values())
    told = "\n".join(titles(svg))
    for node in workflow.nodes:
        target = getattr(node, "target", None)
        if isinstance(target, Step):
            assert f"step {target.id}" in told


# ---------------------------------------------------------------- measures
def test_wide_characters_take_more_room_and_marks_take_none() -> None:
    assert width_of("天", 10) > width_of("w", 10)
    assert width_of("e\u0301", 10) == width_of("e", 10)


def test_texts_of_unknown_width_are_told_their_length() -> None:
    svg = drawn(flow(description="天気").then(first))

    fitted = [each.text for each in svg.iter(f"{SVG}text") if each.get("textLength")]
    assert fitted == ["天気"]


@pytest.mark.parametrize(("text", "limit", "short"), [("abc", 3, "abc"), ("abcdefg", 5, "ab…fg")])
def test_texts_are_shortened_in_their_middle(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


# ---------------------------------------------------------------- the READMEs
def test_the_drawing_in_the_readmes_is_up_to_date() -> None:
    assert GRAPH.read_text("utf-8") == to_svg(trip), "draw it anew: python -m tests.draw_images"


@pytest.mark.parametrize("file", [GRAPH, TIMELINE], ids=lambda file: file.name)
def test_pictures_are_small(file: Path) -> None:
    assert 0 < file.stat().st_size < 150_000

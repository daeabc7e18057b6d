"""The parts of pictures, for pages that contain them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from trioflow_pictures import to_svg
from trioflow_pictures.embedding import (
    graph_css,
    timeline_body,
    timeline_css,
    timeline_data,
    timeline_js,
)

from trioflow import Workflow, step

from .example import recorded, trip


def test_a_graph_can_do_without_its_style() -> None:
    whole, bare = to_svg(trip), to_svg(trip, style=False)

    assert "<style>" not in bare
    assert whole.replace(f"<style>\n{graph_css()}</style>\n", "") == bare
    ET.fromstring(bare)


def test_the_cards_of_a_graph_have_the_addresses_of_their_calls() -> None:
    @step
    async def one(number: int) -> int:
        return number

    @step
    async def last(numbers: list[int]) -> list[int]:
        return numbers

    inner: Workflow[int, Any] = (
        Workflow("inner", input=int, output=int).then(one).dountil(one.clone("two"), bool)
    )
    outer: Workflow[Any, Any] = (
        Workflow("outer", input=int)
        .then(one)
        .parallel(one.clone("left"), inner)
        .map(lambda data: [1])
        .foreach(inner.clone("each"))
        .sleep(1)
        .wait_for_event("news", last)
    )

    found = re.findall(r'class="(\w+)" data-address="([^"]*)"', to_svg(outer))

    assert sorted(found, key=lambda pair: (pair[1], pair[0])) == [
        ("step", "0"),
        ("workflow", "1:inner"),
        ("step", "1:inner/0"),
        ("step", "1:inner/1"),
        ("step", "1:left"),
        ("map", "2"),
        ("foreach", "3"),
        ("workflow", "3"),
        ("step", "3/0"),
        ("step", "3/1"),
        ("sleep", "4"),
        ("step", "5"),
        ("wait", "5"),
    ]


def test_sources_of_conditions_can_be_left_out() -> None:
    @step
    async def one(number: int) -> int:
        return number

    workflow = Workflow("w", input=int).branch((lambda number: number > 12345, one))

    assert "12345" in to_svg(workflow)
    assert "12345" not in to_svg(workflow, sources=False)
    assert "if condition" in to_svg(workflow, sources=False)


def test_the_parts_of_a_timeline_contain_nothing_inline() -> None:
    body = timeline_body()

    assert "<script" not in body
    assert "<style" not in body
    assert 'id="tree"' in body
    assert "function show(" in timeline_js()
    assert "#tree" in timeline_css()


def test_the_data_of_a_timeline_is_plain_json() -> None:
    data = timeline_data(recorded())

    assert json.loads(json.dumps(data)) == data
    assert data["rows"][0]["kind"] == "run"


async def test_the_data_of_a_timeline_can_do_without_tracebacks() -> None:
    @step
    async def boil(number: int) -> int:
        raise ValueError("too hot")

    async with Workflow("w", input=int).then(boil).create_run().stream(1) as stream:
        events = [event async for event in stream]

    assert "Traceback" in json.dumps(timeline_data(events))
    bare = json.dumps(timeline_data(events, with_stacks=False))
    assert "too hot" in bare
    assert "Traceback" not in bare


def test_a_timeline_needs_events() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        timeline_data([])

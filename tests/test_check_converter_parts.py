"""How check_converter compares: paths with places, JSON with JSON, and values with schemas."""

from __future__ import annotations

from typing import Any

import pytest

from trioflow.testing._converters.schemas import Judge
from trioflow.testing._converters.values import lost
from trioflow.testing._converters.variants import Variant, variants


@pytest.mark.parametrize(
    ("place", "path", "leads"),
    [
        (("a", "b"), "a.b", True),
        (("a", "b"), "a", True),
        (("a", "b"), "", True),
        (("a", "b"), "a.b[0].c", True),
        (("a", "b"), "a.c", False),
        (("a", "b"), "a.bc", False),
        (("a", "b"), "b", False),
        (("a", "b"), "['a'].b", True),
        (("o p",), "['o p']", True),
        (("o p",), "o p", False),
        ((0, "a"), "[0].a", True),
        ((0, "a"), "[1].a", True),  # as good as it gets: what is a list may be a set
        ((0, "a"), "x.a", True),  # what is a list may be a class
        ((0, "a"), "[0].b", False),
    ],
)
def test_paths_lead_to_places(place: tuple[str | int, ...], path: str, leads: bool) -> None:
    assert Variant(None, "another type", place).leads_here(path) is leads


def test_a_missing_key_may_have_another_name_but_not_that_of_one_that_is_there() -> None:
    variant = Variant(None, "missing key", ("a", "b"), others=("c",))

    assert [variant.leads_here(path) for path in ("a.b", "a.B", "a", "a.c", "b")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_variants_differ_in_one_place_each() -> None:
    found = {(each.kind, each.place) for each in variants({"a": [1]})}

    assert found == {
        ("another type", ()),
        ("unknown key", ("not-a-field",)),
        ("missing key", ("a",)),
        ("another type", ("a",)),
        ("another length", ("a",)),
        ("another type", ("a", 0)),
    }
    items = [each.json["a"][0] for each in variants({"a": [1]}) if each.place == ("a", 0)]
    assert items == [None, True, 1.5, "x", [], {}, "1", 1.0, [1]]


@pytest.mark.parametrize(
    ("given", "written", "place"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, None),
        ({"a": 1, "b": 2}, {"a": 1}, "$['b']"),
        ({"a": {"b": "5"}}, {"a": {"b": 5}}, "$['a']['b']"),
        (1, 1.0, None),
        (1.0, 1, "$"),
        (True, 1, "$"),
        (None, "", "$"),
        ([1, 2], [1, 2], None),
        ([2, 1, 2], [1, 2], None),
        ([1, 2], [1], "$[1]"),
        ([1], [1, 2], None),
        ([1], [2, 1, 3], "$"),
        ("2026-01-02", "2026-01-02T00:00", "$"),
        ("form", "other", None),
        (7, "form", None),
        (True, "form", "$"),
        ("form", 7, "$"),
    ],
)
def test_what_is_lost_is_found(given: Any, written: Any, place: str | None) -> None:
    assert lost(given, written, {"form"}) == place


@pytest.mark.parametrize(
    ("schema", "json", "is_valid"),
    [
        ({"type": "integer"}, 1, True),
        ({"type": "integer"}, 1.0, False),
        ({"type": "integer"}, True, False),
        ({"type": "number"}, 1, True),
        ({"enum": [1, "a"]}, "a", True),
        ({"enum": [1, "a"]}, True, False),
        ({"enum": [1, "a"]}, 1.0, False),
        ({"const": [1, {"a": 1}]}, [1, {"a": 1}], True),
        ({"const": [1, {"a": 1}]}, [1, {"a": True}], False),
    ],
)
def test_numbers_are_judged_by_their_type(schema: Any, json: Any, is_valid: bool) -> None:
    verdict = Judge(schema)(json)

    assert verdict.is_valid is is_valid
    assert bool(verdict.problem) is not is_valid


def test_strings_that_may_be_spelled_in_several_ways_are_noted() -> None:
    arms = [{"type": "integer"}, {"type": "string", "format": "date"}]
    schema = {"properties": {"a": {"anyOf": arms}, "b": {"type": "string"}}}
    judge = Judge({**schema, "additionalProperties": {"type": "string", "description": "a path"}})

    assert judge({"a": "x", "b": "y", "c": "z"}).forms == {"x", "z"}
    assert judge({"a": 1, "b": "y"}).forms == set()


@pytest.mark.parametrize(
    ("schema", "json", "is_valid"),
    [
        ({"format": "date"}, "2026-02-29", False),
        ({"format": "date-time"}, "2026-01-02T03:04:05Z", True),
        ({"format": "date-time"}, "2026-01-02T03:04:05-03:30", True),
        ({"format": "date-time"}, "2026-01-02T03:04:05", False),
        ({"format": "time"}, "03:04:05Z", True),
        ({"format": "time"}, "03:04Z", False),
        ({"pattern": "^a$"}, "a\n", False),
        ({"pattern": "^a$", "format": "date"}, 5, True),
    ],
)
def test_strings_are_judged_by_pattern_and_format(schema: Any, json: Any, is_valid: bool) -> None:
    verdict = Judge(schema)(json)

    assert verdict.is_valid is is_valid
    assert verdict.undecided == set()


@pytest.mark.parametrize(
    "schema", [{"format": "iri"}, {"pattern": "\\p{L}"}, {"contentEncoding": "base64"}]
)
def test_what_only_hooks_can_decide_is_noted(schema: Any) -> None:
    verdict = Judge(schema)("x")

    assert verdict.is_valid
    assert verdict.undecided == {"x"}
    assert Judge(schema)(5).undecided == set()

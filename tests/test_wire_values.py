"""What values of users become on the wire, and the typed error for everything that can go wrong."""

from __future__ import annotations

import json
import math
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any, TypedDict

import attrs
import pytest
from cattrs import Converter
from hypothesis import given
from hypothesis import strategies as st

from trioflow._values.structure import compile_structure, make_converter
from trioflow.errors import NotSerializableError
from trioflow.wire._plain import MAX_DEPTH, MAX_DIGITS, rewritable, write
from trioflow.wire._values import lenient_json, milliseconds, to_json

TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep, or contains itself"


def lists(depth: int) -> Any:
    """Return lists in lists, so many levels of them."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def ring() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


class Broken:
    """Can be asked for nothing."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Lazy(Mapping[str, Any]):
    """A mapping that reads what it holds when it is asked for it, and fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getitem__(self, key: str) -> Any:
        raise self.error

    def __iter__(self) -> Iterator[str]:
        return iter(["first"])

    def __len__(self) -> int:
        return 1


class Loud(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        raise OSError("not loaded")


def nothing_here(_: object) -> Any:
    raise LookupError("nothing here")


Proxy: Any = type("Proxy", (), {"__class__": property(nothing_here)})
"""Stands for something that is not there yet."""


@attrs.define
class Holey:
    name: str


def holey() -> Holey:
    value = Holey("x")
    del value.name
    return value


def hole() -> str:
    """Return what Python says of it, which differs between its versions."""
    with pytest.raises(AttributeError) as caught:
        _ = holey().name
    return str(caught.value)


class Word(str):
    """A string that shows itself in another way."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown"


class Whole(int):
    def __int__(self) -> int:
        raise RuntimeError("no int")


class Part(float):
    """A float of a class of its own."""

    __slots__ = ()


class Colour(Enum):
    RED = 1


def refused(value: Any, converter: Converter | None = None) -> NotSerializableError:
    with pytest.raises(NotSerializableError) as caught:
        to_json(value, "output", converter)
    assert isinstance(caught.value, ValueError)
    return caught.value


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        (math.nan, "output", "is the float nan, which JSON does not have"),
        ([1.0, {"x": -math.inf}], "output[1].x", "is the float -inf, which JSON does not have"),
        ({"a": (0, Part("inf"))}, "output.a[1]", "is the float inf, which JSON does not have"),
        ([10**MAX_DIGITS], "output[0]", "is an integer of more than 4,300 digits"),
        ({"n": -(10**MAX_DIGITS)}, "output.n", "is an integer of more than 4,300 digits"),
        ({1, 10**5000}, "output", "is an integer of more than 4,300 digits"),
        (
            {"rows": [holey()]},
            "output.rows[0]",
            f"is a Holey that cannot be written (AttributeError: {hole()})",
        ),
        (
            [Lazy(OSError("gone"))],
            "output[0]",
            "is a Lazy that cannot be written (OSError: gone)",
        ),
        (
            {"list": Loud([1])},
            "output.list",
            "is a Loud that cannot be written (OSError: not loaded)",
        ),
        (
            {"proxy": Proxy()},
            "output.proxy",
            "is a Proxy that cannot be written (LookupError: nothing here)",
        ),
        ({"a": {(1, 2): 3}}, "output.a key (1, 2)", "is a tuple, and keys are strings in JSON"),
        ({1.5: 1}, "output key 1.5", "is a float, and keys are strings in JSON"),
        ({10**5000: 1}, "output key <int>", "is an integer of more than 4,300 digits"),
        ({Broken(): 1}, "output key <Broken>", "is a Broken, which has no JSON form"),
        ({1: "a", "1": "b"}, "output key '1'", "has the same JSON form as another key"),
        ({"1": "a", 1: "b"}, "output key 1", "has the same JSON form as another key"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_place(
    value: Any, path: str, problem: str
) -> None:
    error = refused(value)

    assert (error.path, error.problem) == (path, problem)


@pytest.mark.parametrize("error", [OSError("gone"), RecursionError(), KeyError("k")])
def test_what_code_of_users_raised_is_the_cause(error: Exception) -> None:
    assert refused(Lazy(error)).__cause__ is error


def test_an_error_is_the_same_in_another_process() -> None:
    error = refused({"a": [print]})

    copy = pickle.loads(pickle.dumps(error))

    assert (copy.path, copy.problem, copy.remedy) == (error.path, error.problem, error.remedy)


def test_the_remedy_fits_the_problem() -> None:
    assert "unstructure hook" in refused(object()).remedy
    assert "None or a string" in refused(math.nan).remedy
    assert "flatten it" in refused(ring()).remedy


# ---------------------------------------------------------------- hooks
def hooked(hook: Callable[[Any], Any]) -> Converter:
    converter = make_converter()
    converter.register_unstructure_hook(complex, hook)
    return converter


def test_what_a_hook_raises_is_told_with_the_place() -> None:
    def hook(value: complex) -> Any:
        raise LookupError(f"no form of {value}")

    error = refused({"z": [1j]}, hooked(hook))

    assert error.path == "output.z[0]"
    assert error.problem == "is a complex that cannot be written (LookupError: no form of 1j)"


def test_a_hook_may_say_itself_what_is_wrong() -> None:
    known = NotSerializableError("imag", "is not zero", "use the absolute value")

    def hook(value: complex) -> Any:
        raise known

    for _ in range(2):
        error = refused({"z": 1j}, hooked(hook))
        assert (error.path, error.problem, error.remedy) == (
            *("output.z.imag", "is not zero"),
            "use the absolute value",
        )
    assert known.path == "imag"  # an error of somebody else's is left as it is


def test_hooks_that_never_come_to_an_end_are_refused() -> None:
    assert refused([1j], hooked(lambda value: value + 1)).problem == TOO_DEEP


def test_a_hook_may_give_what_needs_a_hook() -> None:
    hook = {3j: 2j, 2j: {"level": 1}}.__getitem__

    assert to_json([3j], "", hooked(hook)) == [{"level": 1}]


# ---------------------------------------------------------------- depth
@pytest.mark.parametrize("value", [lists(MAX_DEPTH + 1), lists(5000), ring(), {"a": ring()}])
def test_what_is_nested_too_deeply_is_refused(value: Any) -> None:
    assert refused(value).problem == TOO_DEEP


def test_the_path_of_what_is_nested_deeply_is_short_in_the_message() -> None:
    value: dict[str, Any] = {}
    value["the name of the key"] = value

    error = refused(value)

    assert error.path.count("the name of the key") == MAX_DEPTH
    assert len(str(error)) < 400


@attrs.frozen
class Node:
    child: Node | None = None


@attrs.frozen
class Tree:
    trees: dict[str, Tree] = attrs.field(factory=dict)


@attrs.frozen
class Either:
    one: Either | list[Either] | None = None


class Typed(TypedDict, total=False):
    inner: list[Typed]


def chain(cls: Any, wrap: Callable[[Any], Any], levels: int, per: int) -> Any:
    value = cls()
    for _ in range(levels // per - 1):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    ("cls", "wrap", "per"),
    [
        (Node, Node, 1),
        (Tree, lambda tree: Tree({"k": tree}), 2),
        (Either, lambda either: Either([either]), 2),
        (Typed, lambda typed: {"inner": [typed]}, 2),
    ],
)
def test_the_deepest_value_is_restored_where_half_of_the_stack_is_free(
    cls: Any, wrap: Callable[[Any], Any], per: int
) -> None:
    value = chain(cls, wrap, MAX_DEPTH, per)
    structure = compile_structure(cls, "output", "step 's'", make_converter)
    assert structure is not None

    def there_and_back(frames: int) -> Any:
        if frames:
            return there_and_back(frames - 1)
        return structure(json.loads(json.dumps(to_json(value, "", None))))

    assert there_and_back(sys.getrecursionlimit() // 2 - _frames()) == value


def _frames() -> int:
    """Return how much of the stack is in use, and a few frames for what is not measured."""
    frame, count = sys._getframe(), 30
    while frame.f_back is not None:
        frame, count = frame.f_back, count + 1
    return count


# ---------------------------------------------------------------- what is written
@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Word("word"), "word"),
        (Whole(5), 5),
        (Part(0.5), 0.5),
        (10**MAX_DIGITS - 1, 10**MAX_DIGITS - 1),
        (lists(MAX_DEPTH), lists(MAX_DEPTH)),
        ("\ud800\0", "\ud800\0"),
        ({Word("k"): 1, Colour.RED: 2, 3: 4}, {"k": 1, "1": 2, "3": 4}),
        ({frozenset("ab"), frozenset("c")}, [["a", "b"], ["c"]]),
    ],
)
def test_what_is_written_is_plain_and_can_be_read(value: Any, written: Any) -> None:
    plain = to_json(value, "", None)

    assert plain == written
    assert json.loads(json.dumps(plain, allow_nan=False)) == written
    assert type(plain) in (str, int, float, list, dict)


def test_a_value_is_copied() -> None:
    value = {"a": [1, [2]]}

    plain = to_json(value, "", None)
    value["a"].append(3)

    assert plain == {"a": [1, [2]]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(value=JSON, depth=st.sampled_from([0, 1, MAX_DEPTH - 2, MAX_DEPTH, MAX_DEPTH + 1]))
def test_the_fast_look_at_what_was_read_finds_the_same(value: Any, depth: int) -> None:
    for _ in range(depth):
        value = [value]

    assert outcome(rewritable, value) == outcome(partial(write, converter=None), value)


def outcome(take: Callable[[Any], Any], value: Any) -> Any:
    try:
        return take(value)
    except NotSerializableError as exc:
        return exc.path, exc.problem


# ---------------------------------------------------------------- lenient
@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": [Broken(), 1], Broken(): 2}, {"a": ["<Broken>", 1], "<Broken>": 2}),
        (ring(), [1, "<list that contains itself>"]),
        (Loud([1]), "[1]"),
        (holey(), "<Holey>"),
        ([10**5000, math.inf], ["<int>", "inf"]),
        ({10**5000: 1}, {"<int>": 1}),
        ([Proxy()], ["<Proxy>"]),
    ],
)
def test_lenient_json_takes_everything(value: Any, written: Any) -> None:
    plain = lenient_json(value)

    assert plain == written
    json.dumps(plain, allow_nan=False)


def test_lenient_json_takes_what_only_has_a_repr() -> None:
    lazy = Lazy(OSError("gone"))

    assert lenient_json([lazy]) == [repr(lazy)]


def test_lenient_json_ends_with_values_that_know_each_other() -> None:
    root: dict[str, Any] = {"name": "root", "children": []}
    for name in range(20):
        root["children"].append({"name": name, "parent": root, "siblings": root["children"]})

    text = json.dumps(lenient_json(root))

    assert "dict that contains itself" in text
    assert len(text) < 10_000


def test_lenient_json_cuts_what_is_nested_too_deeply() -> None:
    plain = lenient_json(lists(5000))

    for _ in range(MAX_DEPTH):
        [plain] = plain
    assert plain == "<list nested too deeply>"


# ---------------------------------------------------------------- times
@pytest.mark.parametrize("at", [math.nan, math.inf, 1e308, "soon", None, -math.inf])
def test_what_is_not_a_time_is_refused(at: Any) -> None:
    with pytest.raises(NotSerializableError, match="is not a time"):
        milliseconds(at)

"""Trials in which small functions raise: conditions, mappings, hooks of workflows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast, overload

import attrs

from trioflow.mapping import from_input
from trioflow.testing._isolation.bodies import Flow, flow
from trioflow.testing._isolation.code.code import Code, Fail, failing, raising
from trioflow.testing._isolation.plugin import Made, Written
from trioflow.testing._isolation.stage import Stage


def condition_of_a_branch(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.branch((lambda data: fail(), stage.bodies.gives(1)))


def condition_of_a_loop(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.dowhile(stage.bodies.gives(1), lambda data: failing(fail))


def truth_of_a_condition(stage: Stage, w: Flow, fail: Fail) -> Flow:
    answer = type("Answer", (), {"__bool__": lambda self: fail()})
    return w.branch((lambda data: cast(bool, answer()), stage.bodies.gives(1)))


def mapping(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.map(lambda data: fail())


def part_of_a_mapping(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.map({"part": lambda data: failing(fail)})


@attrs.frozen
class Reading:
    """A value that can be recorded, with a property that raises."""

    workflow: str
    fails: ClassVar[dict[str, Fail]] = {}

    @property
    def part(self) -> Any:
        return self.fails[self.workflow]()


def source_of_a_mapping(stage: Stage, w: Flow, fail: Fail) -> Flow:
    Reading.fails[w.id] = fail
    inner = flow("inner", input=Reading).map({"part": from_input("part")})
    return w.map(lambda data: Reading(w.id)).then(inner)


def template(stage: Stage, w: Flow, fail: Fail) -> Flow:
    gives = stage.bodies.gives(Written(text=fail))
    return w.then(gives).map({"text": "so ${data}"})


def seconds_of_a_sleep(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.sleep(lambda data: fail())


def moment_of_a_sleep(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.sleep_until(lambda data: failing(fail))


class Items(Written, Sequence[int]):
    """A sequence that can be recorded, but raises when its items are read."""

    def __len__(self) -> int:
        return 2

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.text()

    def __iter__(self) -> Iterator[int]:
        return iter([self[0]])


def items(stage: Stage, w: Flow, fail: Fail) -> Flow:
    inner = flow("inner", input=Made).foreach(stage.bodies.gives(1))
    return w.map(lambda data: stage.meddler.made_by(lambda: Items(text=fail))).then(inner)


def fallback(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.does(raising, fallback=lambda error: fail()))


def async_fallback_of_an_item(stage: Stage, w: Flow, fail: Fail) -> Flow:
    falls_back = stage.bodies.does(raising, fallback=lambda error: failing(fail))
    return w.map(lambda data: [1, 2, 3]).foreach(falls_back, concurrency=2)


def on_start(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return flow(w.id, on_start=lambda ctx: fail()).then(stage.bodies.gives(1))


def on_start_of_a_nested_workflow(stage: Stage, w: Flow, fail: Fail) -> Flow:
    inner = flow("inner", on_start=lambda ctx: failing(fail))
    return w.then(inner.then(stage.bodies.gives(1)))


def on_finish(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return flow(w.id, on_finish=lambda result: failing(fail)).then(stage.bodies.gives(1))


def on_finish_of_a_nested_workflow(stage: Stage, w: Flow, fail: Fail) -> Flow:
    inner = flow("inner", on_finish=lambda result: fail())
    return w.then(inner.then(stage.bodies.gives(1)))


def on_error(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return flow(w.id, on_error=lambda result: fail()).then(stage.bodies.does(raising))


def on_error_of_a_nested_workflow(stage: Stage, w: Flow, fail: Fail) -> Flow:
    inner = flow("inner", on_error=lambda result: failing(fail))
    return w.then(inner.then(stage.bodies.does(raising)))


FUNCTIONS: Mapping[str, Code] = {
    "the condition of a branch": Code(condition_of_a_branch),
    "the condition of a loop": Code(condition_of_a_loop),
    "the truth of a condition": Code(truth_of_a_condition),
    "a mapping": Code(mapping),
    "a part of a mapping": Code(part_of_a_mapping),
    "a property that a mapping reads": Code(source_of_a_mapping),
    "a template": Code(template),
    "the seconds of a sleep": Code(seconds_of_a_sleep),
    "the moment of a sleep": Code(moment_of_a_sleep),
    "a list of items": Code(items),
    "the fallback of a step": Code(fallback),
    "the fallback of an item": Code(async_fallback_of_an_item),
    "on_start": Code(on_start),
    "on_start of a nested workflow": Code(on_start_of_a_nested_workflow),
    "on_finish": Code(on_finish, "success"),
    "on_finish of a nested workflow": Code(on_finish_of_a_nested_workflow, "success"),
    "on_error": Code(on_error),
    "on_error of a nested workflow": Code(on_error_of_a_nested_workflow),
}

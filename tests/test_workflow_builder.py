"""Building workflows: values that share what they have in common, and all that is refused."""

from __future__ import annotations

import functools
import gc
import math
import tracemalloc
import weakref
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from attrs import frozen

from tests.flows import add_one, double, fails, gives
from trioflow import Retry, StepContext, Workflow, open_engine, step, tool
from trioflow._engine.planning.planner import MAX_NESTING
from trioflow.errors import DefinitionError, UnknownNameError, UnknownStepError
from trioflow.nodes import (
    Branch,
    ForEach,
    Loop,
    Map,
    Parallel,
    Sleep,
    SleepUntil,
    Then,
    WaitForEvent,
    ids_of,
    target_id,
    targets_of,
)

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)


def is_big(value: int) -> bool:
    return value > 9


@tool
async def shout(text: str) -> str:
    return text.upper()


def refusal(build: Any) -> str:
    """Return what building refuses; *build* gets a workflow ``w``."""
    with pytest.raises(DefinitionError) as caught:
        build(Workflow("w").then(add_one))
    return str(caught.value)


class TestValues:
    def test_each_call_returns_another_workflow(self) -> None:
        empty: Workflow[int, int] = Workflow("w", input=int)
        one = empty.then(add_one)
        left, right = one.then(double), one.map(str)

        assert [len(w.nodes) for w in (empty, one, left, right)] == [0, 1, 2, 2]
        assert left.nodes[0] is right.nodes[0] is one.nodes[0]
        assert (left.id, left.input) == ("w", int)

    def test_nothing_of_it_can_be_set(self) -> None:
        workflow: Any = Workflow("w")

        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            workflow.id = "x"
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            Then(add_one).target = double  # type: ignore[misc]

    def test_what_it_was_given_can_change_without_it(self) -> None:
        metadata, spec = {"a": 1}, {"x": lambda data: data}
        workflow = Workflow("w", metadata=metadata).map(spec)

        metadata["a"] = 2
        spec.clear()

        assert workflow.metadata == {"a": 1}
        (node,) = workflow.nodes
        assert isinstance(node, Map)
        assert not callable(node.spec)
        assert list(node.spec) == ["x"]

    def test_two_of_the_same_nodes_are_two_workflows(self) -> None:
        first, second = Workflow("w").then(add_one), Workflow("w").then(add_one)

        assert first != second
        assert len({first, second}) == 2

    def test_its_text_says_how_long_it_is(self) -> None:
        assert repr(Workflow("w").then(add_one)) == "<Workflow 'w', 1 nodes>"

    def test_every_option_is_kept(self) -> None:
        retries = Retry(attempts=2)
        options: dict[str, Any] = {
            "input": int,
            "output": str,
            "state": dict,
            "description": "What it does.",
            "retry": retries,
            "on_start": print,
            "on_finish": print,
            "on_error": print,
            "validate": False,
            "metadata": {"a": 1},
        }

        workflow = Workflow("w", **options).then(add_one).clone("again")

        assert workflow.id == "again"
        assert {name: getattr(workflow, name) for name in options} == options
        assert len(workflow.nodes) == 1

    async def test_a_clone_runs_like_the_original(self) -> None:
        inner = Workflow("a", input=int).then(add_one)
        workflow = Workflow("w").parallel(inner, inner.clone("b"))

        assert await workflow.run(1) == {"a": 2, "b": 2}


class TestLongChains:
    LENGTH = 20_000

    @pytest.mark.slow
    def test_a_very_long_chain_builds_and_goes_away(self) -> None:
        workflow: Workflow[Any, Any] = Workflow("w")
        for _ in range(self.LENGTH):
            workflow = workflow.then(add_one)
        first = weakref.ref(workflow.nodes[0])

        assert len(workflow.nodes) == self.LENGTH

        del workflow
        gc.collect()
        assert first() is None

    def test_all_prefixes_of_a_chain_together_take_the_memory_of_one(self) -> None:
        length = 5_000
        tracemalloc.start()
        prefixes: list[Workflow[Any, Any]] = [Workflow("w")]
        for _ in range(length):
            prefixes.append(prefixes[-1].then(add_one).map(str).sleep(1))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        # Copying the nodes at each call would take length * 3 / 2 references per prefix.
        assert peak / length < 3_000 < length * 3 / 2 * 8

    def test_reading_a_step_that_is_near_does_not_look_through_the_whole_chain(self) -> None:
        looked_at = 0

        class CountingId(str):
            __slots__ = ()

            def __eq__(self, other: object) -> bool:
                nonlocal looked_at
                looked_at += 1
                return str.__eq__(self, other)

            __hash__ = str.__hash__

        near = attrs.evolve(add_one, id=CountingId("near"))
        workflow: Workflow[Any, Any] = Workflow("w")
        for _ in range(1_000):
            workflow = workflow.then(attrs.evolve(near, id=CountingId("other")))
        workflow.then(near).map({"x": "${steps.near}"})

        assert looked_at == 1


class TestNodes:
    def test_each_call_adds_its_node(self) -> None:
        nodes = (
            Workflow("w")
            .then("some.step")
            .parallel(add_one, shout, "other", on_error="finish")
            .branch((is_big, add_one), (lambda data, ctx: True, "other"), on_error="finish")
            .dowhile(add_one, is_big)
            .dountil("loop", is_big)
            .foreach(double, concurrency=3, on_error="finish")
            .map(str)
            .sleep(5)
            .sleep_until(MOMENT)
            .wait_for_event("go", shout, timeout=0)
            .nodes
        )

        kinds = [Then, Parallel, Branch, Loop, Loop, ForEach, Map, Sleep, SleepUntil, WaitForEvent]
        assert [type(node) for node in nodes] == kinds
        assert [ids_of(node) for node in nodes] == [
            ("some.step",),
            ("add_one", "shout", "other"),
            ("add_one", "other"),
            ("add_one",),
            ("loop",),
            ("double",),
            ("mapping_w_0",),
            ("sleep_w_0",),
            ("sleep_w_1",),
            ("shout",),
        ]
        targets = [targets_of(node) for node in nodes]
        assert targets[1] == (add_one, shout, "other")
        assert targets[6:9] == [(), (), ()]
        assert target_id(Workflow("inner")) == "inner"

    def test_generated_ids_count_per_kind_and_say_the_workflow(self) -> None:
        workflow = Workflow("w").map(str).sleep(1).map(str, id="mine").map(str).sleep_until(MOMENT)

        assert [id for node in workflow.nodes for id in ids_of(node)] == [
            "mapping_w_0",
            "sleep_w_0",
            "mine",
            "mapping_w_1",
            "sleep_w_1",
        ]

    def test_a_step_may_come_twice(self) -> None:
        assert len(Workflow("w").then(add_one).then(add_one).nodes) == 2


class TestRefusals:
    def test_ids(self) -> None:
        for id in ("", "a/b", " w", 5):
            with pytest.raises(DefinitionError, match=r"is not a valid id|contains"):
                Workflow(id)  # type: ignore[arg-type]
            assert "is not a valid id" in refusal(lambda w: w.clone(""))
            assert f"{id!r}" in refusal(lambda w, id=id: w.map(str, id=id))
            assert f"{id!r}" in refusal(lambda w, id=id: w.sleep(1, id=id))

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"retry": 3}, "retry is 3; write retry=Retry("),
            ({"description": None, "metadata": [1]}, "metadata is [1]; give it a dict"),
            ({"description": 5}, "description is 5; give it a string"),
            ({"validate": "no"}, "validate is 'no'; use True or False"),
            ({"on_start": 5}, "on_start is 5; give it a function of one argument"),
            ({"on_finish": lambda: None}, "on_finish cannot be called with one argument"),
            ({"on_error": lambda a, b: None}, "on_error cannot be called with one argument"),
        ],
    )
    def test_options(self, options: dict[str, Any], problem: str) -> None:
        with pytest.raises(DefinitionError) as caught:
            Workflow("w", **options)

        assert str(caught.value).startswith(f"workflow 'w': {problem}")

    def test_options_that_do_not_exist(self) -> None:
        with pytest.raises(TypeError, match="retires"):
            Workflow("w", retires=3)  # type: ignore[call-overload]

    @pytest.mark.parametrize("method", ["then", "dowhile", "dountil", "foreach", "wait_for_event"])
    def test_targets_that_are_none(self, method: str) -> None:
        def build(workflow: Any, target: Any) -> Any:
            arguments = {"dowhile": (is_big,), "dountil": (is_big,)}.get(method, ())
            before = ("go",) if method == "wait_for_event" else ()
            return getattr(workflow, method)(*before, target, *arguments)

        assert refusal(lambda w: build(w, is_big)) == (
            "workflow 'w': is_big is not a step, tool, workflow or id; decorate it with @step"
        )
        assert "int is not a step" in refusal(lambda w: build(w, 5))
        assert "NoneType is not a step" in refusal(lambda w: build(w, None))
        assert "'' is not a valid id" in refusal(lambda w: build(w, ""))
        assert "id 'a/b' contains /" in refusal(lambda w: build(w, "a/b"))

    def test_arms(self) -> None:
        assert "parallel without arms; pass at least one" in refusal(lambda w: w.parallel())
        assert "branch without arms; pass at least one" in refusal(lambda w: w.branch())
        assert "is_big is not a step" in refusal(lambda w: w.parallel(is_big))
        assert "is_big is not a step" in refusal(lambda w: w.branch((is_big, is_big)))
        remedy = 'rename one with .clone("other-id")'
        assert f"parallel has two arms 'double'; {remedy}" in refusal(
            lambda w: w.parallel(add_one, double, double)
        )
        assert "branch has two arms 'double'" in refusal(
            lambda w: w.branch((is_big, double), (is_big, "double"))
        )
        for arm in (add_one, (add_one,), [is_big, add_one]):
            assert f"branch got {arm!r}; pass pairs, one by one: " in refusal(
                lambda w, arm=arm: w.branch(arm)
            )

    @pytest.mark.parametrize("on_error", ["stop", None, True])
    def test_on_error(self, on_error: Any) -> None:
        problem = f"on_error is {on_error!r}; use one of cancel, finish, collect"

        assert problem in refusal(lambda w: w.parallel(double, on_error=on_error))
        assert problem in refusal(lambda w: w.branch((is_big, double), on_error=on_error))
        assert problem in refusal(lambda w: w.foreach(double, on_error=on_error))

    @pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "2", None])
    def test_concurrency(self, concurrency: Any) -> None:
        assert f"concurrency is {concurrency!r}; give it a whole number >= 1" in refusal(
            lambda w: w.foreach(double, concurrency=concurrency)
        )

    @pytest.mark.parametrize("wrong", [True, 5, "is_big", None, add_one, shout, Workflow("x")])
    def test_conditions(self, wrong: Any) -> None:
        problem = f"condition is {wrong!r}; give it a function of (data) or (data, ctx)"

        assert problem in refusal(lambda w: w.branch((wrong, double)))
        assert problem in refusal(lambda w: w.dowhile(double, wrong))
        assert problem in refusal(lambda w: w.dountil(double, wrong))

    def test_functions_that_need_too_much_or_yield(self) -> None:
        async def pieces(data: Any) -> AsyncIterator[bool]:
            yield True

        def three(a: Any, b: Any, c: Any) -> bool:
            return True

        for build in (
            lambda w, fn: w.branch((fn, double)),
            lambda w, fn: w.dowhile(double, fn),
            lambda w, fn: w.map(fn),
            lambda w, fn: w.map({"x": fn}),
            lambda w, fn: w.sleep(fn),
            lambda w, fn: w.sleep_until(fn),
        ):
            assert "three needs 3 arguments" in refusal(functools.partial(build, fn=three))
            assert "pieces is a generator" in refusal(functools.partial(build, fn=pieces))

    @pytest.mark.parametrize("seconds", [-1, math.nan, "5", None, True, MOMENT])
    def test_sleep(self, seconds: Any) -> None:
        assert f"sleep got {seconds!r}; give it seconds >= 0 or a timedelta" in refusal(
            lambda w: w.sleep(seconds)
        )

    def test_sleep_in_a_step(self) -> None:
        assert "sleep is <Step 'double'>" in refusal(lambda w: w.sleep(double))
        assert "sleep_until is <Step 'double'>" in refusal(lambda w: w.sleep_until(double))

    @pytest.mark.parametrize("when", [datetime(2030, 1, 1), "2030-01-01", 5, None])  # noqa: DTZ001
    def test_sleep_until(self, when: Any) -> None:
        problem = refusal(lambda w: w.sleep_until(when))

        assert f"sleep_until got {when!r}; give " in problem
        assert "time zone" in problem

    @pytest.mark.parametrize("event", ["", None, 5])
    def test_events(self, event: Any) -> None:
        assert f"wait_for_event got event {event!r}; give it a name" in refusal(
            lambda w: w.wait_for_event(event, double)
        )

    @pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, "5", True])
    def test_timeouts(self, timeout: Any) -> None:
        assert f"timeout is {timeout!r}; give it seconds >= 0 or a timedelta" in refusal(
            lambda w: w.wait_for_event("go", double, timeout=timeout)
        )

    @pytest.mark.parametrize("spec", ["${data}", 5, None, double])
    def test_mappings(self, spec: Any) -> None:
        assert f"mapping is {spec!r}; give it a function" in refusal(lambda w: w.map(spec))

    def test_keys_of_mappings(self) -> None:
        assert "mapping has key 5; use strings as keys" in refusal(lambda w: w.map({5: str}))


class TestWhatTheRunCreationFinds:
    """Building cannot know it, but no run begins with it."""

    @staticmethod
    def creation_error(workflow: Workflow[Any, Any]) -> str:
        with pytest.raises((DefinitionError, UnknownStepError, UnknownNameError)) as caught:
            workflow.create_run()
        return str(caught.value)

    @pytest.mark.parametrize(
        "build",
        [
            lambda w: w.then("nobody"),
            lambda w: w.parallel(add_one, "nobody"),
            lambda w: w.branch((is_big, "nobody")),
            lambda w: w.dowhile("nobody", is_big),
            lambda w: w.foreach("nobody"),
            lambda w: w.wait_for_event("go", "nobody"),
        ],
    )
    def test_names_that_nobody_provides(self, build: Any) -> None:
        problem = "workflow 'w' uses unknown step 'nobody'; is its plugin installed?"
        workflow = build(Workflow("w"))

        assert self.creation_error(workflow) == problem
        assert self.creation_error(Workflow("outer").then(workflow)) == problem

    @pytest.mark.parametrize("option", ["input", "output", "state"])
    def test_impossible_types(self, option: str) -> None:
        options: Any = {option: "int"}

        problem = self.creation_error(Workflow("w", **options))

        assert problem.startswith("workflow 'w': its ")
        assert problem.endswith(
            f"{option} cannot be of type int ('int' is not a type); "
            "use another type, or register a hook for it with trioflow_converter"
        )

    def test_a_class_whose_fields_cannot_be_resolved(self) -> None:
        @frozen
        class Hidden:
            x: int

        @frozen
        class Broken:
            hidden: Hidden

        problem = self.creation_error(Workflow("w", input=Broken))

        assert "its input cannot be of type Broken (name 'Hidden' is not defined)" in problem

    def test_steps_deep_inside(self) -> None:
        broken = step(limit="gpu")(add_one.fn)
        inner = Workflow("inner").foreach(Workflow("item").parallel(double, broken))

        assert self.creation_error(Workflow("outer").then(inner)) == (
            "step 'add_one': unknown limit 'gpu'; known: none; "
            'give it a number with limit=Limit("...", 5) or open_engine(limits={...})'
        )

    async def test_a_workflow_that_contains_itself_by_id(self) -> None:
        outer = Workflow("outer").then("inner")
        inner = Workflow("inner").foreach("outer")

        with pytest.raises(DefinitionError) as caught:
            async with open_engine(plugins=(), workflows=[outer, inner]):
                raise AssertionError("a circle was accepted")

        assert str(caught.value) == (
            "workflow 'outer': it contains itself: outer > inner > outer; use a loop instead"
        )

    async def test_another_workflow_of_the_same_id_inside_is_fine(self) -> None:
        workflow = Workflow("report").then(Workflow("report").then(add_one))

        assert await workflow.run(1) == 2

    async def test_nesting_is_deep_enough_and_not_too_deep(self) -> None:
        workflow: Workflow[Any, Any] = Workflow("w").then(add_one)
        for _ in range(MAX_NESTING):
            # A foreach takes the most of Python's stack.
            workflow = Workflow("w").map(lambda data: [data]).foreach(workflow).map(lambda d: d[0])

        assert await workflow.run(1) == 2
        assert self.creation_error(Workflow("w").then(workflow)).startswith(
            f"workflow 'w': it is nested in {MAX_NESTING + 1} workflows; nest in at most "
            f"{MAX_NESTING}"
        )


class TestSmallFunctions:
    """Whatever can be called can be a condition or a mapping function."""

    async def test_conditions_of_every_kind(self) -> None:
        class Limit:
            def __init__(self, most: int) -> None:
                self.most = most

            def __call__(self, value: int) -> bool:
                return value <= self.most

            async def reached(self, value: int, ctx: Any) -> bool:
                return value >= self.most and ctx.workflow_id == "w"

        def above(limit: int, value: int) -> bool:
            return value > limit

        conditions: dict[str, Any] = {
            "lambda": lambda value: value == 5,
            "no argument": lambda: True,
            "context": lambda value, ctx: ctx.init_data == 5,
            "default": lambda value, limit=9: value < limit,
            "builtin": bool,
            "partial": functools.partial(above, 4),
            "object": Limit(5),
            "async method": Limit(5).reached,
        }
        arms = [(condition, gives(1, id)) for id, condition in conditions.items()]

        result = await Workflow("w").branch(*arms, (lambda value: False, gives(1, "no"))).run(5)

        assert result == dict.fromkeys(conditions, 1)

    async def test_mapping_functions_of_every_kind(self) -> None:
        @frozen
        class Box:
            value: int

        async def later(value: Box, ctx: Any) -> list[Box]:
            return [value]

        workflow = Workflow("w").map(Box).map(later).map(len).map(functools.partial(max, 3))

        assert await workflow.run(1) == 3

    async def test_a_loop_variable_that_is_bound_early_stays_bound(self) -> None:
        def times(i: int) -> Workflow[Any, Any]:
            def scaled(data: int, factor: int = i) -> int:
                return data * factor

            return Workflow(f"w{i}").map(scaled)

        workflow = Workflow("w").parallel(*map(times, range(3)))

        assert await workflow.run(2) == {"w0": 0, "w1": 2, "w2": 4}


async def test_hooks_may_be_plain_or_async_functions_of_any_kind() -> None:
    called: list[str] = []

    class Hooks:
        def started(self, ctx: Any) -> None:
            called.append(f"{ctx.workflow_id} started")

        async def __call__(self, result: Any) -> None:
            called.append(f"{result.workflow_id} ended")

    hooks = Hooks()
    failed = functools.partial(lambda more, result: called.append(more + result.status), "it ")
    workflow = Workflow("w", on_start=hooks.started, on_finish=hooks, on_error=failed)

    await workflow.then(fails(ValueError())).create_run().start()

    assert called == ["w started", "w ended", "it failed"]


async def test_a_step_of_a_nested_workflow_sees_the_context_of_the_whole_run() -> None:
    @step
    async def tenant(value: int, ctx: StepContext) -> str:
        return f"{ctx.runtime_context['tenant']} in {ctx.workflow_id}"

    workflow = Workflow("outer").then(Workflow("inner").then(tenant))

    assert await workflow.run(1, runtime_context={"tenant": "me"}) == "me in inner"

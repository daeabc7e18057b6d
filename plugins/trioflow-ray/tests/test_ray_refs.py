"""What stands for a value on the cluster, where there is no cluster."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import trioflow_ray
from attrs import frozen
from ray_steps import large
from trioflow_ray import Ref, RefLostError
from trioflow_ray.inside import INSIDE, Inside, Mark
from trioflow_ray.refs import find, giving, may_be_ref, new, taking

from trioflow import Workflow, open_engine
from trioflow.errors import NonRetryableError, NotSerializableError
from trioflow.runners import ThreadRunner
from trioflow.runners.remote import NotInWorkerError
from trioflow.stores import MemoryStore
from trioflow.testing import TypeExamples, check_converter

MARK = Mark("5f@c8", "make", 1000)
JSON = {"ray": {"object": "5f@c8", "step": "make", "size": 1000}}


@frozen
class Model:
    """What a step might return a Ref to."""

    weights: list[float]


@pytest.mark.slow
def test_a_ref_is_a_mark_in_a_journal() -> None:
    examples: list[TypeExamples] = [
        TypeExamples(
            type_,
            values=[find(MARK), find(Mark("6a@00", "other", 1))],
            reads=[(JSON, find(MARK))],
            refuses=[({"ray": {"object": "a", "step": "b"}}, "ray.size")],
        )
        for type_ in (Ref[Model], Ref[bytes], Ref)
    ]
    check_converter(trioflow_ray, *examples, examples=5)


async def test_a_ref_is_its_value_where_there_is_no_cluster() -> None:
    runners = {"ray": ThreadRunner()}
    flow = Workflow[int, list[Any]]("w", input=int).then(large.make).then(large.measure)
    async with open_engine(plugins=[trioflow_ray], runners=runners) as engine:
        assert await engine.run(flow, 10) == [10, None, None]
    ref = Ref([1])
    copy: Ref[list[int]] = pickle.loads(pickle.dumps(ref))
    assert copy.get() == [1]
    assert (repr(ref), ref == ref, ref == copy, ref == 1) == ("Ref([1])", True, False, False)
    assert len({ref, copy, find(MARK), find(MARK)}) == 3


async def test_a_value_that_is_not_on_the_cluster_cannot_be_recorded() -> None:
    flow = Workflow[int, Any]("w", input=int).then(large.make_here)
    with pytest.raises(NotSerializableError, match="is a Ref whose value is not on a cluster"):
        async with open_engine(plugins=[trioflow_ray], store=MemoryStore()) as engine:
            await engine.run(flow, 10)


def test_a_mark_that_nobody_knows_is_lost() -> None:
    lost = find(MARK)

    assert (lost.size, lost.step, repr(lost)) == (
        1000,
        "make",
        "<Ref to 1,000 bytes of step 'make'>",
    )
    with pytest.raises(
        RefLostError, match="fork the run at step 'make' to make it again"
    ) as caught:
        lost.get()
    assert isinstance(caught.value, NonRetryableError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.ref, copy.step) == ("5f@c8", "make")
    with taking() as taken:
        assert pickle.loads(pickle.dumps(lost)) == lost
    assert (taken, lost.held) == ({"5f@c8": lost}, None)


def test_a_body_gets_values_of_its_input_and_gives_one() -> None:
    INSIDE[:] = [Inside("train", may_give=True, received={MARK.object: b"abc"})]
    try:
        assert find(MARK).get() == b"abc"
        with pytest.raises(NotInWorkerError, match="make the Ref part of the step's input"):
            find(Mark("other", "make", 1)).get()
        sent = pickle.dumps(Ref(b"new"))
        assert INSIDE[0].given == b"new"
        INSIDE[0].may_give = False
        with pytest.raises(TypeError, match="can only be the output of a step, annotated with"):
            pickle.dumps(Ref(b"new"))
    finally:
        INSIDE.clear()
    made = find(MARK)
    with giving(lambda: made):
        assert pickle.loads(sent) is made
    with pytest.raises(TypeError, match="can only be the output of a step"):
        new()


@pytest.mark.parametrize(
    ("type_", "wanted"),
    [(Ref[int], True), (Ref, True), (Ref[int] | None, True), (list[Ref[int]], False), (int, False)],
    ids=str,
)
def test_steps_say_whether_they_return_a_ref(type_: Any, wanted: bool) -> None:
    assert may_be_ref(type_) is wanted

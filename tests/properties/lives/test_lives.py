"""The life of a run follows its table, whatever is done with it in two processes on one store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.lives.deeds import DEEDS
from tests.properties.lives.moves import Move
from tests.properties.lives.playing import AWAITED, Step, play
from tests.properties.lives.races import RACES
from tests.properties.lives.ways import ASKS, ENDS, OTHER, RUNS, TYPED, WAYS
from tests.properties.scale import examples
from trioflow._phases import BY_EVENT, BY_PROCESS, TRANSITIONS

which = st.integers(0, 1)
deeds = st.sampled_from(list(DEEDS))
fates = ["close", "crash", "old version", "new version", "away", "back"]
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(deeds, which),
    st.tuples(deeds, which),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 2.0, 4.0, 7.0])),
    st.tuples(st.sampled_from(list(RACES))),
    st.tuples(st.sampled_from(fates), which),
    st.tuples(st.just("crash within"), st.integers(1, 30), deeds, which),
    st.tuples(st.just("interrupt"), st.sampled_from(list(AWAITED)), which),
)


@settings(max_examples=examples(30, 1000))
@given(st.lists(steps, max_size=25))
def test_a_run_lives_as_its_table_says(script: list[Step]) -> None:
    play(script)


@pytest.mark.parametrize(
    ("move", "way"),
    [pytest.param(move, way, id=f"{move[0].value}, {move[1]}") for move, way in WAYS.items()],
)
def test_each_entry_of_the_table_is_taken(move: Move, way: Sequence[Step]) -> None:
    assert move in play(way)


def test_there_is_a_way_to_each_entry_of_the_table() -> None:
    assert WAYS.keys() == TRANSITIONS.keys()
    assert not BY_EVENT.keys() & BY_PROCESS.keys()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, id=name)
        for name, script in {
            "created here, and begun elsewhere": [
                ("create", 0),
                ("start once", 1),
                ("answer by id", 0),
            ],
            "started in both, and interrupted in one": [
                ("create", 0),
                ("create", 1),
                ("interrupt", "start", 1),
                ("start in both",),
            ],
            "answered by id, and was driven elsewhere": [
                *ASKS,
                ("load", 1),
                ("answer", 0),
                ("halt", 0),
                ("answer by id", 1),
            ],
            "answered by id, and is driven by another version": [
                *TYPED,
                *OTHER,
                ("attach", 1),
                ("answer by id", 1),
            ],
            "asked something, and was asked something elsewhere": [
                *ASKS,
                ("send by id", 1),
                ("send", 0),
                ("load", 0),
                ("answer", 0),
            ],
            "drained, and was canceled elsewhere": [*ASKS, ("cancel by id", 1), ("drain", 0)],
            "answered, and was halted here and canceled elsewhere": [
                ("create", 0),
                ("stream that stays open", 0),
                ("answer by id", 0),
                ("halt", 0),
                ("cancel by id", 1),
                ("answer", 0),
            ],
            "canceled, and its process has died before its end": [
                *ENDS,
                ("crash", 0),
                ("wait", 7.0),
                ("cancel by id", 1),
            ],
            "canceled while it waits, and its process has died before its end": [
                *ASKS,
                ("cancel", 0),
                ("crash", 0),
                ("wait", 7.0),
                ("load", 1),
                ("answer", 1),
                ("recover", 1),
            ],
            "canceled while it waits, and Ctrl-C comes": [
                *ASKS,
                ("interrupt", "canceled", 0),
                ("cancel", 0),
                ("load", 1),
            ],
            "canceled while it runs, and Ctrl-C comes": [
                *RUNS,
                ("interrupt", "canceled", 0),
                ("cancel", 0),
            ],
            "drained while its suspension is being saved": [
                ("create", 0),
                ("wait", 4.0),
                ("wait", 4.0),
                ("crash within", 6, "attach", 1),
                ("wait", 2.0),
                ("drain by id", 0),
            ],
            "started once, and Ctrl-C comes": [("interrupt", "start", 0), ("start once", 0)],
        }.items()
    ],
)
def test_a_run_may_be(script: list[Step]) -> None:
    play(script)

"""What the command line says of runs whose journals are damaged: all that can be read, and then
what cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio

from tests.cli_support import Cli
from tests.test_cli_stored import cli
from trioflow.abc import Append, Entry, RunHeader, Store

__all__ = ["cli"]  # the fixture

CUT = (
    "trioflow: journal of run bad cannot be read at entry 3: it is not JSON (Expecting value: "
    "line 1 column 1 (char 0)); the run can still be canceled or deleted\n"
)


def damage(change: Callable[[RunHeader, list[Entry]], RunHeader | None]) -> None:
    """Put a run "bad" beside the only one of the shelf: its journal, with a change."""
    store: Store = sys.modules["shelf_plugin"].SHELF

    async def put() -> None:
        [good] = await store.list_runs()
        header = attrs.evolve(good.header, run_id="bad")
        old = f'"runId":"{good.header.run_id}"'
        entries = [
            attrs.evolve(entry, text=entry.text.replace(old, '"runId":"bad"'))
            for entry in await store.read(good.header.run_id)
        ]
        append = Append(
            run_id="bad",
            header=change(header, entries) or header,
            entries=tuple(entries),
            after=-1,
            status=good.status,
        )
        assert await store.append([append]) == [None]

    trio.run(put)


def cut(header: RunHeader, entries: list[Entry]) -> None:
    entries[3] = attrs.evolve(entries[3], text="")


@pytest.fixture
def damaged(cli: Cli) -> Cli:
    cli("run", "demo_flows:asking", "--input", "1")
    damage(cut)
    return cli


def test_show_prints_the_tree_up_to_the_damage(damaged: Cli) -> None:
    done = damaged("show", "bad")

    assert (done.code, done.err) == (1, CUT)
    assert "adds" in done.out
    assert "asks" not in done.out
    assert done.out.endswith("input: 1\n")


def test_show_prints_the_object_up_to_the_damage(damaged: Cli) -> None:
    done = damaged("show", "bad", "--json")

    assert (done.code, done.err) == (1, CUT)
    assert [call["id"] for call in json.loads(done.out)["calls"]] == ["adds"]


@pytest.mark.parametrize("options", [(), ("--follow",)])
def test_events_are_printed_up_to_the_damage(damaged: Cli, options: tuple[str, ...]) -> None:
    done = damaged("events", "bad", "--json", *options)

    assert (done.code, done.err) == (1, CUT)
    found = [json.loads(line)["type"] for line in done.out.splitlines()]
    assert found == ["start", "step-start", "step-result"]


def test_events_say_at_the_end_that_one_is_missing(cli: Cli) -> None:
    def remove(header: RunHeader, entries: list[Entry]) -> None:
        del entries[1]

    cli("run", "demo_flows:asking", "--input", "1")
    damage(remove)

    done = cli("events", "bad", "--json")

    assert done.code == 1
    assert "at entry 2: 'step-result' does not follow from the events before it" in done.err
    found = [json.loads(line)["type"] for line in done.out.splitlines()]
    assert (found[:2], found[-1]) == (["start", "step-result"], "finish")


@pytest.mark.parametrize("at", ["x", 1e300, None])
def test_runs_are_listed_with_times_that_are_none(cli: Cli, at: Any) -> None:
    def replace(header: RunHeader, entries: list[Entry]) -> RunHeader:
        entries[-1] = attrs.evolve(entries[-1], at=at)
        return header

    cli("run", "demo_flows:asking", "--input", "1")
    damage(replace)

    done = cli("runs")

    assert (done.code, done.err) == (0, "")
    assert f"  {at}" in done.out


def test_a_damaged_run_can_be_canceled_and_not_resumed(damaged: Cli) -> None:
    flow = ("--workflow", "demo_flows:asking")
    done = damaged("resume", "bad", "--data", "1", *flow)
    assert (done.code, done.err) == (1, CUT)

    assert damaged("cancel", "bad").code == 0
    assert "canceled" in damaged("runs").out

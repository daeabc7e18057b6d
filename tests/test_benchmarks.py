"""The benchmarks still run. At next to no size, and nothing here looks at how long it takes."""

from __future__ import annotations

import gc
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from benchmarks import burning, history, instructions, memory, pairs, profiling
from benchmarks.fairness import Fairness, percentile
from benchmarks.measure import Row, UnavailableError, take_turns
from benchmarks.memory import Memory
from benchmarks.pairs import COUNTED, Pair
from benchmarks.passes import Passes
from benchmarks.report import HEADINGS, cells, line, write_json
from benchmarks.workloads import WORKLOADS, compare

NEEDED = {
    *("chain-10", "chain-1000", "chain-10000", "chain-100000", "foreach-1000", "foreach-10000"),
    *("chunks-100000", "chunks-slow", "runs-1000", "nested-1000", "typed-1000", "convert-1000"),
    *("first-event", "cancel", "fairness", "import", "help", "passes"),
}
"""Ids that others ask for."""


@pytest.fixture(autouse=True, scope="module")
def _cheap_collections() -> Iterator[None]:
    """Benchmarks collect garbage all the time, and all that pytest holds takes long to look at."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_every_workload_has_its_id() -> None:
    assert set(WORKLOADS) >= NEEDED


@pytest.mark.parametrize(
    "make",
    [*COUNTED.values(), pairs.slow_chunks, pairs.cancel],
    ids=[*COUNTED, "chunks-slow", "cancel"],
)
def test_both_programs_of_a_pair_do_their_work(make: Callable[[int], Pair]) -> None:
    pair = make(5)

    assert trio.run(pair.ours) > 0
    assert trio.run(pair.floor) > 0


def test_a_row_has_what_others_read_from_it(tmp_path: Path) -> None:
    comparison = compare("some", "title", pairs.chain(5), samples=3, per=5, base=lambda: 0.5)

    (row,) = comparison.measure()
    write_json([row], tmp_path / "rows.json")

    (read,) = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert read["id"] == "some"
    assert read["ratio"] == read["median"] / read["floor_median"]
    assert read["samples"] == len(read["all_samples"]) == 3
    assert read["growth"] > 0
    assert "value" not in read
    assert len(cells(row)) == len(HEADINGS)
    assert line(cells(row)).startswith("some")


def test_programs_take_turns() -> None:
    turns: list[str] = []

    take_turns([lambda: turns.append("a"), lambda: turns.append("b")], samples=3)

    assert "".join(turns) == "ab" + "ab" + "ba" + "ab"


def test_passes_are_counted() -> None:
    passes, task_steps = Passes(pairs.chain(5), length=5, samples=1).measure()

    assert (passes.id, task_steps.id) == ("passes", "task-steps")
    assert 0 < passes.median < passes.floor_median


# ---------------------------------------------------------------- fairness
@pytest.mark.parametrize("program", [burning.ours, burning.floor], ids=["ours", "by hand"])
def test_a_busy_chain_is_seen_whole(program: Callable[..., burning.Run]) -> None:
    chain = trio.run(program([0.0, 0.0001, 0.0]))

    assert sorted(chain.saw_start) == sorted(chain.saw_end) == [0, 1, 2]
    assert len(chain.late_ends()) == 1  # of the step before the one that burns
    assert len(chain.late_starts()) == 1


def test_fairness_has_a_figure_for_the_timer_and_for_events() -> None:
    rows = Fairness(samples=1, ticks=2, length=5, pauses=1, busy=2).measure()

    assert [row.id for row in rows[:2]] == ["fairness", "fairness-busy"]
    assert "fairness-event" in [row.id for row in rows]


def test_a_percentile_is_one_of_the_figures() -> None:
    assert percentile([float(n) for n in range(1, 301)]) == 297
    assert percentile([3.0, 1.0, 2.0]) == 3


# ---------------------------------------------------------------- memory
def test_a_finished_step_holds_its_record() -> None:
    held = memory.held_by_each(memory.finished_steps, 50)

    assert 100 < held < 10_000


@pytest.mark.slow
def test_memory_has_its_figures() -> None:
    rows = Memory(steps=10, runs=2, observers=2, length=100).measure()

    assert [row.id for row in rows] == [
        "memory-step",
        "memory-run",
        "memory-observer",
        "memory-flat",
    ]


# ---------------------------------------------------------------- profile and instructions
@pytest.mark.slow
def test_a_profile_counts_calls_per_step() -> None:
    profile = profiling.profile("first-event")

    assert any("create_run" in line.name and line.calls == 1 for line in profile)
    assert "first-event" in profiling.table("first-event", profile)


def test_instructions_are_the_difference_of_two_sizes(tmp_path: Path) -> None:
    short, long = instructions.STEPS
    totals = (7_000 + short * 10, 7_000 + long * 10, 100 + short * 40, 100 + long * 40)
    for index, total in enumerate(totals):
        (tmp_path / f"counts.{2 * index + 1}").write_text("totals: 99999\n")
        (tmp_path / f"counts.{2 * index + 2}").write_text(f"events: Ir\ntotals: {total}\n")

    counts = instructions.per_unit("chain-1000", instructions.read_totals(str(tmp_path)))

    assert counts == instructions.Counts("chain-1000", ours=10, floor=40)
    assert "0.250" in instructions.table([counts])


def test_without_valgrind_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(UnavailableError, match="no valgrind"):
        instructions.count_instructions(["chain-1000"])


@pytest.mark.slow
def test_instructions_are_counted() -> None:
    try:
        (counts,) = instructions.count_instructions(["chain-1000"])
    except UnavailableError as exc:
        pytest.skip(str(exc))

    assert 0 < counts.ours < 2 * counts.floor


# ---------------------------------------------------------------- history
def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


def test_only_commits_are_recorded(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=first")
    assert len(history.commit_of(tmp_path)) == 40

    (tmp_path / "new.py").touch()
    with pytest.raises(history.DirtyTreeError, match=r"new\.py"):
        history.commit_of(tmp_path)


def test_a_line_of_the_history_tells_what_was_measured(tmp_path: Path) -> None:
    row = Row(
        id="some", title="t", unit="s", median=2.0, floor_median=4.0, samples=9, ratio=0.5, per=4
    )
    file = tmp_path / "history.jsonl"

    for commit in ("c1", "c2"):
        history.append(history.entry(commit, [row], {"chain-1000": 12}), file)

    first, second = (json.loads(text) for text in file.read_text(encoding="utf-8").splitlines())
    assert (first["commit"], second["commit"]) == ("c1", "c2")
    assert first["figures"] == {"some": {"ratio": 0.5, "each": 0.5, "floor": 1.0}}
    assert first["instructions"] == {"chain-1000": 12}
    assert {"date", "versions", "python", "machine"} <= set(first)

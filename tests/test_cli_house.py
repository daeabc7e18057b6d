"""Commands that list, remove, cancel and ask runs, in this process."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import attrs
import pytest
import trio

from tests.cli_support import Cli, hints, interrupt, newest, suspend
from tests.test_cli_stored import cli
from trioflow import Workflow, open_engine
from trioflow._cli.errors import UsageError
from trioflow._cli.times import read_moment
from trioflow.abc import Store

__all__ = ["cli"]  # the fixture


def shelf() -> Any:
    return sys.modules["shelf_plugin"].SHELF


def change(run_id: str, **changes: Any) -> None:
    """Change what the shelf says of a run, as if time had passed, or somebody else held it."""
    journal = shelf()._shelf.journals[run_id]
    header = {name: changes.pop(name) for name in ("created_at",) if name in changes}
    journal.header = attrs.evolve(journal.header, **header)
    for name, value in changes.items():
        setattr(journal, name, value)


def hold(run_id: str) -> None:
    """Let somebody else hold a run for 100 s."""
    change(run_id, owner="vm:1:ab", claimed_until=shelf()._shelf._latest + 100)


def fill(count: int, **options: Any) -> None:
    """Put runs on the shelf that have ended well."""

    async def submit() -> None:
        async with open_engine(plugins=[], store=shelf()) as engine:
            for number in range(count):
                run = engine.submit(Workflow("w"), number, run_id=f"r{number:03}", **options)
                await run.wait()

    trio.run(submit)


def ids(out: str) -> list[str]:
    return [line.split()[0] for line in out.splitlines()[1:]]


# ---------------------------------------------------------------- runs
def test_a_page_of_fifty_is_listed_and_how_to_see_more(cli: Cli) -> None:
    cli("runs")
    fill(120)

    first = cli("runs")
    assert ids(first.out) == [f"r{number:03}" for number in range(119, 69, -1)]
    assert first.err == "trioflow: 70 more; to see them: --offset 50, or --limit 0 for all\n"
    second = cli("runs", "--offset", "50")
    assert ids(second.out) == [f"r{number:03}" for number in range(69, 19, -1)]
    assert second.err == "trioflow: 20 more; to see them: --offset 100, or --limit 0 for all\n"
    last = cli("runs", "--offset", "100")
    assert (len(ids(last.out)), last.err) == (20, "")
    everything = cli("runs", "--limit", "0", "--json")
    assert (len(everything.out.splitlines()), everything.err) == (120, "")
    assert cli("runs", "--limit", "120").err == ""


def test_runs_are_listed_with_whose_they_are_and_what_they_were_given(cli: Cli) -> None:
    cli("runs")
    fill(1, resource_id="ann", tags=["vip", "a b"])

    head, line = cli("runs").out.splitlines()
    assert head.split()[-3:] == ["RESOURCE", "TAGS", "INPUT"]
    assert line.endswith("  ann       vip, a b  0")
    run = newest(cli)
    assert (run["resourceId"], run["tags"], run["input"]) == ("ann", ["vip", "a b"], 0)
    shown = cli("show", "r000").out.splitlines()
    assert shown[-2:] == ["resource: ann", "tags: vip, a b"]


def test_a_long_input_is_cut_and_then_left_out(cli: Cli) -> None:
    cli("run", "demo_flows:asking_any", "--input", json.dumps("x" * 100))
    assert cli("runs").out.endswith(f'  "{"x" * 38}…\n')
    cli("run", "demo_flows:asking_any", "--input", json.dumps("x" * 5000))
    assert "input" not in newest(cli)
    assert "xxx" not in cli("runs", "--limit", "1").out


def test_runs_are_chosen_by_resource_tag_and_time(cli: Cli) -> None:
    cli("runs")
    fill(1, resource_id="ann", tags=["vip", "new"])
    suspend(cli)
    change("r000", created_at=time.time() - 3 * 86_400)

    for options in (
        ("--resource", "ann"),
        ("--tag", "vip"),
        ("--tag", "vip", "--tag", "new"),
        ("--before", "2d"),
        ("--since", "4d", "--before", "2d"),
        ("--before", "2d", "--since", "2020-01-31"),
        ("--workflow", "w"),
    ):
        assert ids(cli("runs", *options).out) == ["r000"], options
    for options in (("--tag", "vip", "--tag", "no"), ("--since", "2100-01-01T12:00")):
        assert ids(cli("runs", *options).out) == [], options


def test_a_claimed_run_is_reported_with_its_owner_and_for_how_long_it_is_claimed(cli: Cli) -> None:
    id = interrupt(cli)
    assert cli("runs").out.splitlines()[1].split()[-2:] == ["-", "1"]
    hold(id)

    assert "  vm:1:ab, held 1m" in cli("runs").out
    assert cli("show", id).out.startswith(f"run {id}, running in vm:1:ab, held 1m")
    resumed = cli("resume", id, "--workflow", "demo_flows:once")
    assert resumed.code == 2
    watch, how = resumed.err.splitlines()
    assert watch.startswith(f"trioflow: run {id} is running in vm:1:ab; its claim holds for 1m")
    assert how == f"to watch it: trioflow events {id} --follow"
    deleted = cli("delete", id)
    assert (deleted.code, deleted.err.splitlines()[1]) == (2, how)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--limit", "-1"), "--limit and --offset must not be negative"),
        (("--since", "yesterday"), "--since: 'yesterday' is not a point in time; give an age"),
        (("--before", "30x"), "--before: '30x' is not a point in time"),
        (("--before", "2026-02-31"), "is not a point in time"),
    ],
)
def test_what_cannot_be_listed_is_refused(cli: Cli, options: tuple[str, ...], problem: str) -> None:
    done = cli("runs", *options)

    assert (done.code, done.out) == (2, "")
    assert problem in done.err


@pytest.mark.parametrize(
    ("text", "ago"),
    [("90s", 90), ("15m", 900), ("1.5h", 5400), ("30d", 2_592_000), (" 2w ", 1_209_600)],
)
def test_a_moment_is_how_long_ago(text: str, ago: float) -> None:
    assert read_moment(text, "--before", 10**9) == 10**9 - ago


def test_a_moment_is_a_date() -> None:
    assert read_moment("1970-01-02T00:00Z", "--before", 0) == 86_400
    assert read_moment("2026-01-31", "--before", 0) == time.mktime((2026, 1, 31, 0, 0, 0, 0, 0, -1))
    for wrong in ("", "d", "-3d", "9" * 400 + "d", "3 d", "12:00"):
        with pytest.raises(UsageError, match="is not a point in time"):
            read_moment(wrong, "--before", 0)


# ---------------------------------------------------------------- looking only
@pytest.mark.parametrize(
    "tokens", [("runs",), ("show", "r"), ("events", "r"), ("events", "r", "--follow")]
)
def test_commands_that_look_open_the_store_for_reading(
    cli: Cli, tokens: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("runs")
    fill(1)
    opened: list[bool] = []
    read_only = type(shelf()).read_only

    def look(self: Store) -> Store:
        opened.append(True)
        return read_only(self)  # type: ignore[no-any-return]

    monkeypatch.setattr(type(shelf()), "read_only", look)
    monkeypatch.setattr(type(shelf()), "open_owner", None)

    done = cli(*(word if word != "r" else "r000" for word in tokens))

    assert (done.code, opened) == (0, [True])


# ---------------------------------------------------------------- delete and prune
def test_a_run_is_deleted(cli: Cli) -> None:
    id = suspend(cli)

    assert cli("delete", id) == attrs.evolve(cli("runs"), code=0, out=f"run {id} is deleted\n")
    assert ids(cli("runs").out) == []
    assert cli("delete", id).code == 2


def test_many_are_deleted_after_they_were_counted(cli: Cli) -> None:
    cli("runs")
    fill(3, resource_id="ann")
    kept = suspend(cli)

    counted = cli("delete", "--resource", "ann")
    assert (counted.code, counted.out) == (0, "3 runs would be deleted\n")
    assert counted.err == "trioflow: nothing has been done; add --yes to do it\n"
    assert len(ids(cli("runs").out)) == 4
    done = cli("delete", "--resource", "ann", "--yes")
    assert (done.code, done.out, done.err) == (0, "3 runs deleted\n", "")
    assert ids(cli("runs").out) == [kept]
    assert cli("delete", "--resource", "ann").out == "0 runs would be deleted\n"


def test_what_is_running_is_not_deleted_with_the_others(cli: Cli) -> None:
    one, other = interrupt(cli), suspend(cli)
    hold(one)

    done = cli("delete", "--since", "1d", "--yes")

    assert (done.code, done.out) == (1, "1 run deleted\n")
    assert f"run {one} is running in vm:1:ab; its claim holds for 1m" in done.err
    assert ids(cli("runs").out) == [one]
    assert other not in done.err


def test_old_runs_are_pruned(cli: Cli) -> None:
    cli("runs")
    fill(2)
    kept = suspend(cli)

    assert cli("prune", "--before", "30d").out == "0 runs deleted\n"
    assert cli("prune", "--before", "0s").out == "2 runs deleted\n"
    assert ids(cli("runs").out) == [kept]
    assert cli("prune", "--before", "0s", "--status", "suspended").out == "1 run deleted\n"
    assert cli("prune", "--before", "soon").code == 2
    assert cli("prune").code == 2


@pytest.mark.parametrize("command", ["cancel", "delete"])
def test_it_has_to_be_clear_which_runs(cli: Cli, command: str) -> None:
    id = suspend(cli)

    done = cli(command)
    assert (done.code, done.out) == (2, "")
    assert "no run selected; give a run id, or filter options such as --status" in done.err
    for options in (("--yes",), ("--status", "suspended")):
        done = cli(command, id, *options)
        assert done.code == 2
        assert "give a run id or filter options, but not both" in done.err
    assert newest(cli)["status"] == "suspended"


# ---------------------------------------------------------------- cancel
def test_many_are_canceled_after_they_were_counted(cli: Cli) -> None:
    cli("runs")
    fill(2)
    for _ in range(2):
        suspend(cli)
    busy = interrupt(cli)
    hold(busy)

    counted = cli("cancel", "--since", "1d")
    assert (counted.code, counted.out) == (0, "3 runs would be canceled\n")
    done = cli("cancel", "--since", "1d", "--yes", "--reason", "moved")
    assert (done.code, done.out) == (0, "2 runs canceled\n")
    assert done.err == "trioflow: 1 run to be canceled by the processes they run in\n"
    statuses = [json.loads(line)["status"] for line in cli("runs", "--json").out.splitlines()]
    assert statuses == ["running", "canceled", "canceled", "success", "success"]


def test_a_run_that_runs_elsewhere_is_asked_to_cancel(cli: Cli) -> None:
    id = interrupt(cli)
    hold(id)

    done = cli("cancel", id, "--reason", "enough")

    assert (done.code, done.out) == (0, "")
    words = f"the request to cancel it is in the inbox of run {id}, which runs in vm:1:ab"
    assert words in done.err
    [request] = shelf()._shelf.journals[id].requests.values()
    assert (request.kind, json.loads(request.payload)) == ("cancel", {"reason": "enough"})
    assert "@" in request.by


def test_who_canceled_it_is_in_the_journal(cli: Cli) -> None:
    id = suspend(cli)

    cli("cancel", id, "--reason", "enough")

    events = [json.loads(line) for line in cli("events", id, "--json").out.splitlines()]
    [canceled] = [event for event in events if event["type"] == "canceled"]
    assert canceled["payload"]["reason"] == "enough"
    assert "@" in canceled["payload"]["by"]


# ---------------------------------------------------------------- send and resume
def test_an_event_is_sent_and_taken_when_the_run_is_recovered(cli: Cli) -> None:
    id = interrupt(cli, "interrupted_wait")

    done = cli("send", id, "go", "7")

    assert (done.code, done.out) == (0, "")
    assert f"event 'go' is in the inbox of run {id}, which is not running" in done.err
    recovered = cli("resume", id, "--workflow", "demo_flows:interrupted_wait", "--json")
    assert recovered.code == 0
    last = json.loads(recovered.out.splitlines()[-1])
    assert last["payload"]["result"] == {"waits": 1, "interrupts_once": "went on with 1"}
    types = [json.loads(line)["type"] for line in recovered.out.splitlines()]
    assert "event-received" in types


def test_sending_does_not_continue_the_run_here(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    id = interrupt(cli)
    before = cli("events", id, "--json").out

    for tokens in (("send", id, "go"), ("cancel", "--status", "success", "--yes")):
        assert cli(*tokens).code == 0

    assert cli("events", id, "--json").out == before
    assert newest(cli)["status"] == "running"


@pytest.mark.parametrize(
    ("data", "value"), [((), None), (("null",), None), (('{"a": 1}',), {"a": 1}), (("-5",), -5)]
)
def test_what_an_event_brings_is_json(cli: Cli, data: tuple[str, ...], value: Any) -> None:
    id = suspend(cli)

    assert cli("send", id, "go", *data).code == 0

    [request] = shelf()._shelf.journals[id].requests.values()
    assert json.loads(request.payload) == {"name": "go", "data": value}


def test_an_event_that_cannot_be_sent_is_refused(cli: Cli) -> None:
    cli("runs")
    fill(1)

    finished = cli("send", "r000", "go")
    assert finished.code == 2
    assert "run r000 has succeeded: it no longer accepts event requests" in finished.err
    wrong = cli("send", "r000", "go", "{")
    assert (wrong.code, "DATA is not JSON" in wrong.err) == (2, True)
    large = cli("send", suspend(cli), "go", json.dumps("x" * 2**20))
    assert (large.code, "the limit is 1,048,576 bytes" in large.err) == (2, True)


def test_an_answer_is_left_for_an_engine_that_knows_the_workflow(cli: Cli) -> None:
    id = suspend(cli)

    done = cli("resume", id, "--data", '"yes"')

    assert (done.code, done.out) == (0, "")
    assert f"the answer is in the inbox of run {id}, which is not running" in done.err
    [request] = shelf()._shelf.journals[id].requests.values()
    payload = json.loads(request.payload)
    assert (request.kind, payload["data"], payload["step"]) == ("resume", "yes", ["asks"])
    recovered = cli("recover", "--workflow", "demo_flows:asking")
    assert (recovered.code, recovered.out) == (0, f"{id}  asking  success\n")
    assert cli("show", id).out.endswith("output: answer: yes\n")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--step", "no", "--data", "1"), "step 'no' is not suspended; suspended steps: asks"),
        (("--data", "{"), "--data is not JSON"),
        (("--label", "no", "--data", "1"), "label 'no' is not suspended"),
    ],
)
def test_an_answer_that_nothing_waits_for_is_not_left(
    cli: Cli, options: tuple[str, ...], words: str
) -> None:
    id = suspend(cli)

    done = cli("resume", id, *options)

    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert shelf()._shelf.journals[id].requests == {}


def test_no_answer_is_left_for_a_run_that_does_not_wait(cli: Cli) -> None:
    done = cli("resume", interrupt(cli), "--data", "1")

    assert done.code == 2
    assert "is not suspended: it is running in another process, or was interrupted" in done.err


# ---------------------------------------------------------------- recover and try again
def test_recover_reports_who_drives_the_other_runs_and_suggests_wait(cli: Cli) -> None:
    id = interrupt(cli)
    hold(id)

    done = cli("recover", "--workflow", "demo_flows:once")

    assert (done.code, done.out) == (0, "")
    none, who, how = done.err.splitlines()
    assert none == "trioflow: 0 interrupted runs to recover"
    assert who.startswith(f"trioflow: run {id} runs in vm:1:ab, held 1m")
    assert how.endswith("use --wait to wait for them, and to recover those whose process dies")


@pytest.mark.slow  # real time
def test_recover_with_wait_waits_until_the_claims_of_others_end(cli: Cli) -> None:
    id = interrupt(cli)
    change(id, owner="vm:1:ab", claimed_until=shelf()._shelf._latest + 0.4)

    done = cli("recover", "--wait", "--workflow", "demo_flows:once")

    assert (done.code, done.out) == (0, f"{id}  once  success\n")
    assert "0 interrupted runs to recover" in done.err
    assert f"run {id} runs in vm:1:ab, held " in done.err


def test_a_run_that_cannot_be_recovered_is_a_failure(
    cli: Cli, caplog: pytest.LogCaptureFixture
) -> None:
    id = interrupt(cli)
    shelf()._shelf.journals[id].entries.pop(0)

    done = cli("recover", "--workflow", "demo_flows:once")

    assert done.code == 1
    assert f"run {id} cannot be recovered: journal of run {id} cannot be read" in caplog.text


def test_a_failed_run_tells_how_to_retry_it(cli: Cli) -> None:
    done = cli("run", "demo_flows:rejecting", "--input", "1")

    assert done.code == 1
    assert "ValueError: not 2" in done.err
    id = newest(cli)["runId"]
    assert hints(done) == [["retry", id, "--workflow", "demo_flows:rejecting"]]
    again = cli(*hints(done)[0])
    assert again.code == 1
    assert "adds" not in again.out
    assert hints(again) == [["retry", f"{id}~retry", "--workflow", "demo_flows:rejecting"]]
    resumed = cli("resume", id, "--workflow", "demo_flows:rejecting")
    assert f"trioflow retry {id}" in resumed.err.replace("RUN", id)


def test_a_retry_repeats_a_step_that_failed_inside(cli: Cli) -> None:
    done = cli("run", "demo_flows:rejecting_inside", "--input", "1")

    again = cli(*hints(done)[0])

    assert "rejecting.rejects" in again.out
    assert "rejecting.adds" not in again.out


def test_many_failed_runs_are_retried(cli: Cli) -> None:
    for number in ("1", "2"):
        cli("run", "demo_flows:rejecting", "--input", number, "--run-id", f"r{number}")
    cli("run", "demo_flows:rejecting_inside", "--input", "1", "--run-id", "other")
    these = ("--status", "failed", "--workflow", "demo_flows:rejecting")

    counted = cli("retry", *these)
    done = cli("retry", *these, "--yes")

    assert counted.out == "2 runs would be retried\n"
    assert done.code == 1
    assert "2 runs retried" in done.err
    assert sorted(done.out.splitlines()) == [
        "r1~retry  rejecting  failed",
        "r2~retry  rejecting  failed",
    ]
    assert "no run selected" in cli("retry").err
    assert "but not both" in cli("retry", "r1", "--status", "failed").err


def test_without_a_store_that_lasts_there_is_nothing_to_try_again(cli: Cli) -> None:
    done = cli("run", "demo_flows:rejecting", "--input", "1", "--store", "memory:")

    assert (done.code, hints(done)) == (1, [])

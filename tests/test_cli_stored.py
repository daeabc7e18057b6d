"""The commands about runs that a store keeps, in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, hints, interrupt, newest, shelf_project, suspend

UNKNOWN = "there is no run 'nobody' in the store; see: trioflow runs"


@pytest.fixture
def cli(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    with shelf_project(tmp_path, capfd, monkeypatch) as run:
        yield run


# ---------------------------------------------------------------- run and resume
def test_a_suspended_run_tells_the_command_that_resumes_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text('"yes"')
    done = cli("run", "demo_flows:asking", "--input", "1", "--store", "shelf:it's mine")

    assert done.code == 3
    assert 'suspended at asks: {"asks": {"why": 2}}' in done.err
    [hint] = hints(done)
    assert hint[:1] + hint[2:] == [
        *("resume", "--data", "-", "--store", "shelf:it's mine"),
        *("--workflow", "demo_flows:asking"),
    ]

    resumed = cli(*(word if word != "-" else "@answer.json" for word in hint))

    assert resumed.code == 0
    assert resumed.out.endswith('\n"answer: yes"\n')
    assert "adds" not in resumed.out


def test_a_store_from_the_environment_is_not_repeated_for_it_may_be_a_secret(cli: Cli) -> None:
    done = cli("run", "demo_flows:asking", "--input", "1")

    assert "shelf" not in done.err
    assert hints(done)[0][2:] == ["--data", "-", "--workflow", "demo_flows:asking"]


def test_each_of_several_suspensions_gets_its_own_command(cli: Cli) -> None:
    done = cli("run", "demo_flows:items", "--input", "[0, 1, 2, 3]")

    first, second = hints(done)
    assert first[2:6] == ["--step", "odd_asks", "--index", "1"]
    assert second[2:6] == ["--step", "odd_asks", "--index", "3"]
    done = cli(*(word if word != "-" else "10" for word in second))
    assert done.code == 3
    [last] = hints(done)
    assert last[2] == "--data"
    done = cli(*(word if word != "-" else "20" for word in last))
    assert json.loads(done.out[done.out.index("[\n") :]) == [0, 20, 2, 10]


@pytest.mark.parametrize(
    "options", [("--step", "asking.asks"), ("--step", "asking"), ("--label", "it's me")]
)
def test_a_step_inside_can_be_named(cli: Cli, options: tuple[str, ...]) -> None:
    cli("run", "demo_flows:asking_inside", "--input", "1")
    id = newest(cli)["runId"]

    flow = ("--workflow", "demo_flows:asking_inside")
    done = cli("resume", id, *options, "--data", '"so"', *flow, "--json")

    assert done.code == 0
    wire = [json.loads(line) for line in done.out.splitlines()]
    assert wire[0]["type"] == "resume"
    assert wire[-1]["payload"]["result"] == {"asking": "answer: so", "same": 1}


def test_without_a_store_or_with_one_that_does_not_last_there_is_nothing_to_go_on_with(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIOFLOW_STORE")
    for options in ((), ("--store", "memory:")):
        done = cli("run", "demo_flows:asking", "--input", "1", *options)

        assert done.code == 3
        assert [line for line in done.err.splitlines() if "resume" in line] == [
            "trioflow: the run is lost; use --store to be able to resume runs"
        ]


def test_a_signal_stops_a_kept_run_and_it_can_go_on(cli: Cli) -> None:
    done = cli("run", "demo_flows:once", "--input", "1")

    assert done.code == 130
    assert "interrupted; stopped: interrupts_once\n" in done.err
    assert "finish        " not in done.out  # it is not over
    [hint] = hints(done)
    assert hint[2:] == ["--workflow", "demo_flows:once"]
    assert newest(cli)["status"] == "running"
    assert cli("runs").out.endswith("  -        1\n")
    assert "interrupted: it can be resumed" in cli("show", hint[1]).out

    resumed = cli(*hint)

    assert resumed.code == 0
    assert resumed.out.endswith('"went on with 2"\n')
    assert "adds" not in resumed.out


def test_an_interrupted_run_takes_no_answer(cli: Cli) -> None:
    id = interrupt(cli)

    done = cli("resume", id, "--data", "1", "--workflow", "demo_flows:once")

    assert done.code == 2
    assert "is not suspended: it is running in another process" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--data", "{"), "--data is not JSON"),
        (("--step", "no", "--data", "1"), "step 'no' is not suspended; suspended steps: asks"),
        (("--label", "no"), "label 'no' is not suspended"),
        (("--index", "3"), "item 3 is not suspended"),
    ],
)
def test_a_wrong_answer_is_refused_and_the_run_waits_on(
    cli: Cli, options: tuple[str, ...], words: str
) -> None:
    id = suspend(cli)

    done = cli("resume", id, *options, "--workflow", "demo_flows:asking")

    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert newest(cli)["status"] == "suspended"


def test_a_question_is_shown_with_what_its_answer_must_be(cli: Cli) -> None:
    options = ("--workflow", "demo_flows:questions")
    done = cli("run", "demo_flows:questions", "--input", "1")
    [hint] = hints(done)
    id = hint[1]
    asked = "asks_twice (label 'boss') asks {\"pay\": 1}; answer with bool, as JSON that fits"
    assert f'{asked} {{"type":"boolean"}}' in done.err

    shown = cli("resume", id, *options)
    assert (shown.code, shown.out) == (3, "")
    assert asked in shown.err
    stored = json.loads(cli("show", id, "--json").out)["suspended"]
    assert stored[0]["question"]["schema"] == {"type": "boolean"}
    for wrong in (options, ()):  # the second has the journal alone
        refused = cli("resume", id, "--data", '"yes"', *wrong)
        assert refused.code == 2
        assert "answer of step 'asks_twice'" in refused.err

    resumed = cli("resume", id, "--label", "boss", "--data", "true", *options)
    assert resumed.code == 3
    assert "asks_twice (question #1) asks how many?; answer with int by 2" in resumed.err
    done = cli("resume", id, "--data", "3", *options)
    assert done.code == 0
    assert newest(cli)["status"] == "success"


def test_a_run_goes_on_with_its_own_workflow_only(cli: Cli) -> None:
    id = suspend(cli)

    for options in ((), ("--data", "1", "--workflow", "demo_flows:once")):
        done = cli("resume", id, *options)
        assert done.code == 2
        assert "of workflow 'asking', which is not installed; name it with --workflow" in done.err
    done = cli("resume", id, "--data", "1", "--workflow", "asking")
    assert "--workflow needs MODULE:ATTR, not 'asking'" in done.err


# ---------------------------------------------------------------- looking
def test_runs_are_listed_newest_first_and_chosen_by_status_and_workflow(cli: Cli) -> None:
    empty = cli("runs").out
    assert empty.split("  ") == ["ID", "WORKFLOW", "STATUS", "CREATED", "UPDATED", "INPUT\n"]
    asking = suspend(cli)
    cli("run", "demo_flows:rejecting", "--input", "1")

    lines = cli("runs").out.splitlines()
    assert [line.split()[1:3] for line in lines[1:]] == [
        ["rejecting", "failed"],
        ["asking", "suspended"],
    ]
    statuses = ("--status", "suspended", "--status", "paused")
    for options in (statuses, ("--workflow", "asking")):
        [line] = cli("runs", "--json", *options).out.splitlines()
        assert json.loads(line)["runId"] == asking
    assert cli("runs", "--json", "--status", "success").out == ""
    assert cli("runs", "--status", "good").code == 2


def test_a_run_is_shown_with_results_and_what_it_waits_for(cli: Cli) -> None:
    cli("run", "demo_flows:asking_inside", "--input", "1")
    id = newest(cli)["runId"]

    shown = cli("show", id).out.splitlines()

    assert shown[0] == f"run {id}"
    tree = [line.lstrip("├│└─ ") for line in shown[1:6]]
    assert tree[0].startswith("outside  suspended  ")
    assert {line.split("  ")[0] for line in tree} == {"outside", "asking", "adds", "asks", "same"}
    [adds] = [line for line in tree if line.startswith("adds")]
    [asks] = [line for line in tree if line.startswith("asks")]
    assert adds.startswith("adds  success  ")
    assert adds.endswith("  2")
    assert asks.endswith("""  label "it's me": {"why": 2}""")
    assert shown[-1] == "input: 1"


OWN_ERROR = """
from trioflow import Retry, Workflow, step


class OddError(Exception):
    pass


@step(retry=Retry(2))
async def picky(value: int) -> None:
    raise OddError(f"{value} is odd")


flow = Workflow("own", input=int).then(picky)
"""


@pytest.mark.parametrize("command", ["show", "events", "runs"])
def test_a_stored_failure_is_shown_with_its_class_also_without_its_module(
    cli: Cli, tmp_path: Path, command: str
) -> None:
    module = tmp_path / "own_error.py"
    module.write_text(OWN_ERROR)
    live = cli("run", "own_error:flow", "--input", "7")
    id = newest(cli)["runId"]
    module.unlink()
    sys.modules.pop("own_error")

    shown = cli(command, *([] if command == "runs" else [id]))

    assert shown.code == 0
    assert "OddError: 7 is odd" in live.err + live.out
    assert "RecordedError" not in shown.out
    assert ("OddError: 7 is odd" in shown.out) == (command != "runs")


def test_a_second_retry_says_that_it_shows_the_first(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "own_error.py").write_text(OWN_ERROR)
    cli("run", "own_error:flow", "--input", "7", "--run-id", "r")

    first, second = (cli("retry", "r", "--workflow", "own_error:flow") for _ in range(2))

    assert "new run r~retry\n" in first.err
    assert "already started: run r~retry\n" in second.err
    assert "new run" not in second.err
    sys.modules.pop("own_error")


def test_items_errors_and_results_are_shown(cli: Cli) -> None:
    cli("run", "demo_flows:items", "--input", "[0, 1, 2]")
    shown = cli("show", newest(cli)["runId"]).out
    assert "2/3" in shown
    assert "   ├─ [1]  suspended  1?\n" in shown
    cli("run", "demo_flows:rejecting", "--input", "1")
    assert "ValueError: not 2" in cli("show", newest(cli)["runId"]).out
    cli("run", "demo_flows:hello", "--input", '{"name": "Oslo"}')
    assert cli("show", newest(cli)["runId"]).out.endswith("output: Hello, Oslo!\n")


def test_what_an_interrupted_run_was_doing_is_shown(cli: Cli) -> None:
    shown = cli("show", interrupt(cli)).out
    assert "once  interrupted  " in shown
    assert "interrupts_once  interrupted  " in shown


def test_an_event_that_is_waited_for_is_shown(cli: Cli) -> None:
    shown = cli("show", interrupt(cli, "interrupted_wait")).out
    assert "same  waiting  " in shown
    assert "waiting for event 'go'\n" in shown


def test_a_run_can_be_shown_as_json(cli: Cli) -> None:
    shown = json.loads(cli("show", suspend(cli), "--json").out)

    assert (shown["workflowId"], shown["status"]) == ("asking", "suspended")
    [waiting] = shown["suspended"]
    assert waiting == {"path": ["asks"], "label": "it's me", "index": None, "payload": {"why": 2}}
    assert [call["status"] for call in shown["calls"]] == ["success", "suspended"]


def test_events_are_those_of_the_journal(cli: Cli) -> None:
    done = cli("run", "demo_flows:asking", "--input", "1", "--json")
    id = newest(cli)["runId"]

    assert cli("events", id, "--json").out == done.out
    last = cli("events", id, "--json", "--after", "5", "--follow").out
    assert last == "".join(done.out.splitlines(keepends=True)[6:])
    assert [line.split()[1] for line in cli("events", id, "--after", "6").out.splitlines()] == [
        "finish"
    ]


# ---------------------------------------------------------------- cancel, fork, recover
def test_a_run_that_waits_or_was_interrupted_can_be_canceled_once(cli: Cli) -> None:
    for id in (suspend(cli), interrupt(cli)):
        done = cli("cancel", id, "--reason", "not needed")
        assert (done.code, done.out) == (0, f"run {id} is canceled\n")
        shown = cli("show", id).out
        assert "reason: not needed" in shown
        assert "suspended" not in shown
        assert "running" not in shown
        assert cli("cancel", id).code == 2


def test_a_fork_is_a_new_run(cli: Cli) -> None:
    id = suspend(cli)
    flow = ("--workflow", "demo_flows:asking")

    done = cli("fork", id, "adds", "--input", "10", *flow)

    assert done.code == 3
    assert '{"why": 11}' in done.err
    new = newest(cli)["runId"]
    assert f"new run {new}\n" in done.err
    assert new != id
    done = cli("fork", id, "asks", "--context", '{"adds": 7}', *flow)
    assert '{"why": 7}' in done.err
    done = cli("fork", id, "asks", "--data", '"so"', "--run-id", "mine", *flow)
    assert (done.code, newest(cli)["runId"]) == (0, "mine")
    assert cli("fork", id, "asks", "--run-id", "mine", *flow).code == 2
    for options in (("nope",), ("adds", "--context", "[]"), ("adds", "--input", "{")):
        assert cli("fork", id, *options, *flow).code == 2


def test_interrupted_runs_are_recovered_together(cli: Cli) -> None:
    id = interrupt(cli)

    done = cli("recover", "--workflow", "demo_flows:once")

    assert (done.code, done.out) == (0, f"{id}  once  success\n")
    assert done.err.splitlines() == [
        "trioflow: 1 interrupted run to recover",
        f"trioflow: {id}  interrupts_once success",
    ]
    assert newest(cli)["status"] == "success"


def test_recovering_says_which_workflows_are_missing(cli: Cli) -> None:
    interrupt(cli)

    done = cli("recover")

    assert done.code == 1
    assert "workflow 'once' is not installed; name it with --workflow MODULE:ATTR" in done.err
    assert cli("recover", "--workflow", "demo_flows:once").code == 0
    assert "0 interrupted runs" in cli("recover").err


# ---------------------------------------------------------------- wrong usage
@pytest.mark.parametrize("command", ["show", "events", "resume", "cancel"])
def test_an_unknown_run_is_refused(cli: Cli, command: str) -> None:
    done = cli(command, "nobody")

    assert (done.code, done.err) == (2, f"trioflow: {UNKNOWN}\n")


def test_a_store_has_to_be_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIOFLOW_STORE")

    done = cli("runs")

    assert done.code == 2
    assert done.err == "trioflow: no store given; use --store URL, or set TRIOFLOW_STORE\n"
    assert "unknown store 'nix'" in cli("runs", "--store", "nix:1").err

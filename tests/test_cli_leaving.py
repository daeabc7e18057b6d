"""What the command line leaves behind: runs that can be recovered, and stores as they were."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_support import command_line
from tests.test_cli_process import LIMIT, command, folder, output, started
from trioflow._cli.display import DRAINING
from trioflow._cli.errors import BROKEN_PIPE
from trioflow._cli.signals import GRACE

__all__ = ["folder"]  # the fixture

pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")

STORE = ("--store", "sqlite:runs.db")
LINGER = ("run", "demo_flows:lingering", *STORE)
FLOW = ("--workflow", "demo_flows:lingering")


def look(*tokens: str) -> list[Any]:
    """Return what a command prints as JSON lines."""
    done = subprocess.run(command(*tokens), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def writes_of(pid: int) -> int:
    """Return how often a process has asked the system to write something."""
    counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(counts["syscw"])


def check_left_in_order() -> None:
    """Check that the step that ran has ended, that no other began, and that nobody has the run."""
    [run] = look("runs", "--json", *STORE)
    assert (run["status"], run["heldFor"]) == ("running", 0)
    recorded = look("events", run["runId"], "--json", *STORE)
    assert [event["type"] for event in recorded] == [
        *("start", "step-start", "step-result", "step-finish")
    ]
    assert recorded[2]["payload"]["status"] == "success"


# ---------------------------------------------------------------- signals
@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Have programs hear of a closed terminal, even if these tests are run with nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_sighup_finish_the_running_step_and_release_the_claim(
    folder: Path, signum: signal.Signals
) -> None:
    with started(*LINGER) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(signum)
        notice = process.stderr.readline()
        process.send_signal(signal.SIGHUP)  # shells say it a second time
        (folder / "go").touch()
        out, err = output(process)

    assert process.returncode == 128 + signum
    assert DRAINING.format(grace=GRACE) in notice
    assert [line.split()[1:3] for line in out.splitlines()] == [
        ["step-result", "lingers"],
        ["step-finish", "lingers"],
    ]
    assert "stopped: nothing was running\n" in err
    assert f"trioflow resume {look('runs', '--json', *STORE)[0]['runId']}" in err
    check_left_in_order()


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (signal.SIG_DFL, 128 + signal.SIGHUP),
        (signal.SIG_IGN, BROKEN_PIPE),  # as with nohup
    ],
)
@pytest.mark.slow  # new interpreters
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the writes of a process")
def test_a_closed_terminal_finishes_the_running_step_and_releases_the_claim(
    folder: Path, handler: signal.Handlers, code: int
) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, handler)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, command(*LINGER))
    try:
        seen = b""
        while b"lingers" not in seen:
            seen += os.read(terminal, 65536)
    finally:
        before = writes_of(pid)
        os.close(terminal)
    wait_until(lambda: writes_of(pid) > before)  # to the closed terminal
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    (folder / "go").touch()
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == code
    check_left_in_order()


@pytest.mark.slow  # new interpreters
def test_a_recovery_that_is_terminated_ends_the_steps_that_run(folder: Path) -> None:
    with started(*LINGER) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.kill()
        process.wait(LIMIT)
    with started("recover", *STORE, *FLOW) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "trioflow: 1 interrupted run to recover\n"
        wait_until(lambda: look("runs", "--json", *STORE)[0]["heldFor"] > 0)
        process.send_signal(signal.SIGTERM)
        assert f"terminated: {DRAINING.format(grace=GRACE)}" in process.stderr.readline()
        (folder / "go").touch()
        out, _ = output(process)

    assert (process.returncode, out) == (143, "")
    [run] = look("runs", "--json", *STORE)
    assert (run["status"], run["heldFor"]) == ("running", 0)
    types = [event["type"] for event in look("events", run["runId"], "--json", *STORE)]
    assert types[-4:] == ["recover", "step-start", "step-result", "step-finish"]


@pytest.mark.slow  # new interpreters
def test_a_recovery_that_waits_takes_up_what_a_dead_process_leaves(folder: Path) -> None:
    with started(*LINGER) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        with started("recover", "--wait", *STORE, *FLOW) as recovery:
            assert recovery.stderr is not None
            assert "0 interrupted runs to recover" in recovery.stderr.readline()
            assert "runs in " in recovery.stderr.readline()
            process.kill()
            process.wait(LIMIT)
            wait_until(
                lambda: (
                    "recover"
                    in [
                        event["type"]
                        for run in look("runs", "--json", *STORE)
                        for event in look("events", run["runId"], "--json", *STORE)
                    ]
                )
            )
            (folder / "go").touch()
            recovery.send_signal(signal.SIGINT)
            output(recovery)

    assert recovery.returncode == 130


@pytest.mark.slow  # new interpreters
def test_what_another_process_runs_is_sent_an_event_and_canceled(folder: Path) -> None:
    with started(*LINGER) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        [run] = look("runs", "--json", *STORE)
        for tokens in (("send", run["runId"], "go"), ("cancel", run["runId"])):
            done = subprocess.run(
                command(*tokens, *STORE), capture_output=True, text=True, check=True
            )
            assert f"is in the inbox of run {run['runId']}, which runs in " in done.stderr
        out, _ = output(process)

    assert process.returncode == 1
    types = [line.split()[1] for line in out.splitlines()]
    assert types == ["event-received", "step-result", "step-finish", "canceled", "finish"]


# ---------------------------------------------------------------- stores
LOOKING = [("runs",), ("show", "r"), ("events", "r"), ("events", "r", "--follow")]
CHANGING = [
    *(("cancel", "r"), ("cancel", "--status", "running", "--yes"), ("send", "r", "go")),
    *(("resume", "r"), ("delete", "r"), ("prune", "--before", "1d"), ("recover",)),
    ("fork", "r", "step"),
    ("retry", "r"),
]


@pytest.mark.parametrize("tokens", [*LOOKING, *CHANGING], ids=" ".join)
def test_a_command_on_a_store_that_does_not_exist_fails_and_creates_no_file(
    folder: Path, tokens: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    done = command_line(capfd)(*tokens, "--store", "sqlite:none.db")

    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("none.db: there is no such file\n")
    assert len(done.err.splitlines()) == 1
    assert not list(folder.glob("none.db*"))


@pytest.mark.parametrize("tokens", LOOKING, ids=" ".join)
def test_looking_changes_no_file(
    folder: Path, tokens: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    if tokens[0] == "timeline":
        pytest.importorskip("trioflow_pictures", reason="trioflow-pictures is not installed")
    cli = command_line(capfd)
    cli("run", "demo_flows:hello", "--input", '{"name": "Oslo"}', *STORE)
    run_id = json.loads(cli("runs", "--json", *STORE).out)["runId"]
    before = state_of(folder)
    (folder / "runs.db").chmod(0o444)

    done = cli(*(run_id if word == "r" else word for word in tokens), *STORE)

    assert done.code == 0
    assert state_of(folder) == before


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the files of a store, and when they were changed."""
    found = {path.name: path.stat() for path in folder.glob("runs.db*")}
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in found.items()}


def test_a_file_that_is_no_store_is_refused(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "text.db").write_text("no database at all\n" * 100)

    done = command_line(capfd)("runs", "--store", "sqlite:text.db")

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert "text.db" in done.err

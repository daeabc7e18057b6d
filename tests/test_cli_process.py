"""The command line as its own process: pipes, signals and a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.cli_support import project

if sys.platform == "win32":
    pytest.skip("pipes, signals and terminals are those of POSIX", allow_module_level=True)

import pty
import termios

pytestmark = pytest.mark.slow


LIMIT = 60.0
"""Seconds after which a test gives up. Never reached unless something hangs."""
CTRL_C = b"\x03"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux to notice")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # On a slow machine one of the steps blocks for so long that there would be a warning.
    monkeypatch.setenv("TRIOFLOW_BLOCK_SECONDS", "0")
    with project(tmp_path):
        yield tmp_path


def command(*tokens: str) -> list[str]:
    return [sys.executable, "-m", "trioflow", *tokens]


@contextlib.contextmanager
def started(*tokens: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command with pipes for standard output and error, and end it in any case."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command(*tokens), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def output(process: subprocess.Popen[str]) -> tuple[str, str]:
    return process.communicate(timeout=LIMIT)


def test_the_help_loads_little_and_so_is_quick() -> None:
    program = """
import os, sys
from importlib.metadata import entry_points
os.environ["TRIOFLOW_DISABLE"] = ",".join(point.name for point in entry_points(group="trioflow"))
from trioflow._cli import main
main(["--help"])
heavy = {"cattrs", "rich.live", "rich.markdown", "trioflow._cli.listings", "trioflow._cli.watch"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("Usage: trioflow")
    assert done.stdout.endswith("\n[]\n")


# ---------------------------------------------------------------- JSON lines
def test_nothing_but_events_is_on_standard_output() -> None:
    with started("run", "demo_flows:printing", "--json") as process:
        out, err = output(process)

    assert process.returncode == 0
    assert [json.loads(line)["seq"] for line in out.splitlines()] == list(range(5))
    assert err == "printed\nfrom a child\n"


@pytest.mark.slow  # new interpreters
def test_modules_that_print_while_they_are_imported_do_not_disturb(folder: Path) -> None:
    source = "from demo_flows import *\nprint('imported')"
    (folder / "chatty.py").write_text(source)
    with started("run", "chatty:hello", "--input", '{"name": "Oslo"}', "--json") as process:
        out, err = output(process)

    assert len([json.loads(line) for line in out.splitlines()]) == 5
    assert err == "imported\n"


@pytest.mark.slow  # new interpreters
def test_events_are_there_as_soon_as_they_happen() -> None:
    with started("run", "demo_flows:sleeping", "--json") as process:
        assert process.stdout is not None
        types = [json.loads(process.stdout.readline())["type"] for _ in range(2)]
        process.send_signal(signal.SIGINT)
        out, err = output(process)

    assert types == ["start", "step-start"]
    last = [json.loads(line) for line in out.splitlines()]
    assert [event["type"] for event in last] == ["step-result", "step-finish", "canceled", "finish"]
    assert last[-1]["payload"]["status"] == "canceled"
    assert process.returncode == 130
    assert err.endswith("trioflow: interrupted; canceled: sleeps\n")


# ---------------------------------------------------------------- closed pipes
@linux_only
@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize("option", [(), ("--json",), ("--store", "memory:")])
def test_a_closed_pipe_cancels_a_run_that_says_nothing(option: tuple[str, ...]) -> None:
    with started("run", "demo_flows:cleaning", *option) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.stdout.close()
        assert process.wait(LIMIT) == 141
        assert process.stderr is not None
        assert process.stderr.read() == "cleaned up\n"


@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize("option", [(), ("--json",), ("--store", "memory:")])
def test_a_closed_pipe_ends_a_busy_run_quietly(option: tuple[str, ...]) -> None:
    with started("run", "demo_flows:many", *option) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(LIMIT) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize("tokens", [("plugins",), ("--help",), ("graph", "demo_flows:hello")])
def test_a_pipe_that_was_closed_before_ends_it_quietly(
    tokens: tuple[str, ...],
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(*tokens), stdout=writer, stderr=subprocess.PIPE, timeout=LIMIT, check=False
    )
    os.close(writer)

    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.slow  # new interpreters
def test_a_closed_standard_error_does_not_change_the_exit_code() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for workflow, code in (("failing", 2), ("interrupted", 130)):
        tokens = command("run", f"demo_flows:{workflow}")
        done = subprocess.run(tokens, stdout=subprocess.DEVNULL, stderr=writer, check=False)
        assert done.returncode == code
    os.close(writer)


@pytest.mark.slow  # new interpreters
def test_no_standard_output_at_all_is_fine() -> None:
    tokens = command("run", "demo_flows:printing", "--json")
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *tokens]

    assert subprocess.run(shell, timeout=LIMIT, check=False).returncode == 0


# ---------------------------------------------------------------- signals
@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize("workflow", ["clinging", "hogging"])
def test_a_second_signal_leaves_steps_that_do_not_stop(workflow: str) -> None:
    with started("run", f"demo_flows:{workflow}") as process:
        _, err = output(process)

    assert process.returncode == 130
    assert err.splitlines()[-1] == "trioflow: exited without waiting for the steps that still run"
    assert "Traceback" not in err
    assert f"in step '{'clings' if workflow == 'clinging' else 'hogs'}' at 0\n" in err


@pytest.mark.slow  # new interpreters
def test_an_interruption_before_the_run_exits_with_130(folder: Path) -> None:
    fifo = folder / "input"
    os.mkfifo(fifo)
    tokens = ("run", "demo_flows:hello", "--input", f"@{fifo}")
    # Opening the fifo returns when the command has begun to read it.
    with started(*tokens) as process, fifo.open("w"):
        process.send_signal(signal.SIGINT)
        _, err = output(process)

    assert process.returncode == 130
    assert err == "trioflow: interrupted\n"


# ---------------------------------------------------------------- terminals
@attrs.define
class Terminal:
    """The side of a terminal where the person sits."""

    fd: int
    process: subprocess.Popen[bytes]
    seen: str = ""

    @property
    def text(self) -> str:
        """What has been seen, without colours."""
        return re.sub(r"\x1b\[[\d;]*m", "", self.seen)

    def wait_for(self, text: str) -> None:
        """Read until *text* has been seen."""
        while text not in self.seen:
            assert self.read(), f"ended without {text!r}: {self.seen!r}"

    def read(self) -> bool:
        """Read what is there, at least something; False at the end."""
        ready, _, _ = select.select([self.fd], [], [], LIMIT)
        assert ready, f"nothing happens after {self.seen!r}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # how Linux says that nobody has the other side open
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)


LAUNCHER = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the one that sends signals to the command."""


@contextlib.contextmanager
def on_terminal(*tokens: str, **variables: str) -> Iterator[Terminal]:
    """Run a command on a terminal of its own and check that it is left as it was."""
    person, machine = pty.openpty()
    termios.tcsetwinsize(machine, (24, 80))
    before = termios.tcgetattr(machine)
    environment = {**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", **variables}
    launch = [sys.executable, "-c", LAUNCHER, *command(*tokens)]
    process = subprocess.Popen(
        launch, stdin=machine, stdout=machine, stderr=machine, env=environment
    )
    try:
        yield Terminal(person, process)
        assert termios.tcgetattr(machine) == before
    finally:
        process.kill()
        process.wait()
        os.close(machine)
        os.close(person)


def test_ctrl_c_shows_what_was_canceled_and_leaves_the_terminal_in_order() -> None:
    with on_terminal("run", "demo_flows:sleeping") as terminal:
        terminal.wait_for("sleeps")
        terminal.type(CTRL_C)
        terminal.wait_for("trioflow: interrupted; canceled: sleeps")
        assert terminal.process.wait(LIMIT) == 130

    assert "⊘ sleeps" in terminal.text
    assert "Traceback" not in terminal.seen
    assert terminal.seen.rindex("\x1b[?25h") > terminal.seen.rindex("\x1b[?25l")


@pytest.mark.slow  # new interpreters
def test_a_second_ctrl_c_gives_the_cursor_back() -> None:
    with on_terminal("run", "demo_flows:clinging") as terminal:
        terminal.wait_for("exited without waiting")
        assert terminal.process.wait(LIMIT) == 130

    assert terminal.seen.rindex("\x1b[?25h") > terminal.seen.rindex("\x1b[?25l")


def test_a_terminal_shows_the_tree_and_then_the_result() -> None:
    with on_terminal("run", "demo_flows:hello", "--input", '{"name": "Oslo"}') as terminal:
        terminal.wait_for("Hello, Oslo!")
        assert terminal.process.wait(LIMIT) == 0

    assert terminal.text.index("✔ greet") < terminal.text.index("Hello, Oslo!")
    assert terminal.seen.rindex("\x1b[?25h") > terminal.seen.rindex("\x1b[?25l")


@pytest.mark.slow  # new interpreters
def test_a_dumb_terminal_gets_lines_without_control_codes() -> None:
    tokens = ("run", "demo_flows:hello", "--input", '{"name": "Oslo"}')
    with on_terminal(*tokens, TERM="dumb") as terminal:
        terminal.wait_for("Hello, Oslo!")
        assert terminal.process.wait(LIMIT) == 0

    assert "\x1b" not in terminal.seen
    assert "step-finish" in terminal.seen

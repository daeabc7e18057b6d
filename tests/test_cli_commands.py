"""The commands, in this process: what they print and what they exit with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, Done, command_line, install_plugin, project
from trioflow import RunResult
from trioflow._cli.display import DRAINING, STOPPING
from trioflow._cli.entry import exit_code_of
from trioflow._cli.errors import EXIT_CODES
from trioflow._cli.signals import GRACE
from trioflow._cli.watch import report
from trioflow._engine.life import ending


@pytest.fixture
def cli(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    """Run commands in a folder with a module of workflows."""
    with project(tmp_path):
        yield command_line(capfd)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


CITY = '{"name": "Oslo"}'


# ---------------------------------------------------------------- running
def test_a_run_is_shown_as_lines_and_its_result_as_json(cli: Cli) -> None:
    done = cli("run", "demo_flows:hello", "--input", CITY)

    assert done.code == 0
    assert done.err == ""
    *lines, result = done.out.splitlines()
    assert [line.split()[1] for line in lines] == [
        "start",
        "step-start",
        "step-result",
        "step-finish",
        "finish",
    ]
    assert result == '"Hello, Oslo!"'


def test_a_context_reaches_the_steps(cli: Cli) -> None:
    options = ("--context", "greeting=Hi", "--context", '{"unused": 1}')

    assert cli("run", "demo_flows:hello", "--input", CITY, *options).out.endswith('"Hi, Oslo!"\n')


def test_a_run_can_be_json_lines(cli: Cli) -> None:
    done = cli("run", "demo_flows:hello", "--input", CITY, "--json")

    assert done.code == 0
    wire = [json.loads(line) for line in done.out.splitlines()]
    assert [event["seq"] for event in wire] == list(range(5))
    assert wire[-1]["payload"]["result"] == "Hello, Oslo!"


def test_a_run_that_fails_exits_with_1_and_tells_the_failure(cli: Cli) -> None:
    for options in ((), ("--json",)):
        done = cli("run", "demo_flows:failing", "--input", CITY, *options)

        assert done.code == 1
        assert done.err.startswith("trioflow: step 'boom' failed\nTraceback (most recent call")
        assert done.err.endswith("ValueError: no Oslo\n")


def test_a_run_that_cancels_itself_exits_with_1(cli: Cli) -> None:
    done = cli("run", "demo_flows:canceling")

    assert (done.code, done.err) == (1, "trioflow: too late; canceled: cancels_run\n")


def test_a_suspended_run_exits_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    result = RunResult[None](
        status="suspended",
        run_id="r",
        workflow_id="w",
        input=None,
        suspended=(("outer", "ask"),),
        suspend_payload={"outer.ask": "why?"},
    )

    report(result)

    assert EXIT_CODES["suspended"] == 3
    expected = 'trioflow: suspended at outer.ask: {"outer.ask": "why?"}\n'
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("workflow", "code", "word", "notice"),
    [
        ("interrupted", 130, "interrupted", STOPPING),
        ("terminated", 143, "terminated", DRAINING.format(grace=GRACE)),
    ],
)
def test_a_signal_cancels_the_run_and_says_what_was_canceled(
    cli: Cli, workflow: str, code: int, word: str, notice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = ending.settle
    monkeypatch.setattr("trioflow._cli.watch.settle", lambda life, grace: settle(life, 0.1))

    done = cli("run", f"demo_flows:{workflow}")

    assert done.code == code
    first, last = done.err.splitlines()
    assert first == f"trioflow: {word}: {notice}"
    stopped = {"interrupted": {"interrupts", "sleeps"}, "terminated": {"terminates"}}[word]
    start, _, names = last.rpartition(": ")
    assert start == f"trioflow: {word}; canceled"
    assert set(names.split(", ")) == stopped
    assert "finish        canceled" in done.out


# ---------------------------------------------------------------- wrong input
@pytest.mark.parametrize(
    ("tokens", "lines"),
    [
        (("demo_flows:hello", "--input", "{"), ["--input is not JSON:"]),
        (("demo_flows:hello", "--input", "@no.json"), ["--input: cannot read 'no.json'"]),
        (
            ("demo_flows:hello", "--input", '{"name": 5, "days": "1", "x": 0}'),
            [
                "input of workflow 'hello' is invalid",
                "  name: expected str, received int",
                "  days: expected int, received str",
                "  x: unknown key",
            ],
        ),
        (("demo_flows:hello", "--input", "{}"), ["  name: required key is missing"]),
        (("demo_flows:hello",), ["expected City, received None", "pass it with --input JSON"]),
        (("demo_flows:hello", "--context", "x"), ["--context needs KEY=STRING"]),
        (("demo_flows:helo",), ["did you mean 'hello'?"]),
        (("helo",), ["unknown workflow 'helo'"]),
        ((), ["TARGET"]),
        (("demo_flows:hello", "more"), ["more"]),
        (("demo_flows:hello", "--inptu", "1"), ["--inptu", "--input"]),
        (("demo_flows:hello", "--input"), ["--input"]),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_do(
    cli: Cli, tokens: tuple[str, ...], lines: list[str]
) -> None:
    done = cli("run", *tokens)

    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("trioflow: ")
    assert "Traceback" not in done.err
    for line in lines:
        assert line in done.err


def test_an_unknown_command_exits_with_2(cli: Cli) -> None:
    done = cli("rnu")

    assert done.code == 2
    assert 'Did you mean "run"?' in done.err


@pytest.mark.parametrize("tokens", [(), ("--help",)])
def test_the_help_lists_the_commands(cli: Cli, tokens: tuple[str, ...]) -> None:
    done = cli(*tokens)

    assert done.code == 0
    installed = ("run", "steps", "tools", "workflows", "plugins", "graph")
    stored = ("runs", "show", "events", "resume", "cancel", "fork", "retry", "recover")
    for command in (*installed, *stored):
        assert command in done.out


def test_the_version_is_that_of_the_distribution(cli: Cli) -> None:
    assert cli("--version").out.strip() == "0.1.0"


def test_a_missing_extra_says_what_to_install(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("trioflow._cli.", "cyclopts"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cyclopts", None)

    done = cli("plugins")

    assert done.code == 2
    assert "pip install 'trioflow[cli]'" in done.err


# ---------------------------------------------------------------- what is installed
@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("steps", ["demo.double", "int", "int", "trioflow-demo 1.2", "Double a number."]),
        (
            "tools",
            ["demo.look", "query: str, limit: int", "list[str]", "trioflow-demo 1.2", "Look"],
        ),
        ("workflows", ["demo.twice", "int", "int", "trioflow-demo 1.2"]),
        ("plugins", ["demo", "trioflow-demo", "1.2", "demo.twice, demo.double, demo.look"]),
    ],
)
def test_what_plugins_provide_is_listed(cli: Cli, command: str, words: list[str]) -> None:
    done = cli(command)

    assert done.code == 0
    [line] = [line for line in done.out.splitlines() if line.startswith("demo")]
    position = 0
    for word in words:
        position = line.index(word, position)


@pytest.mark.usefixtures("plugin")
def test_workflows_of_plugins_can_be_run_and_shown(cli: Cli) -> None:
    assert cli("run", "demo.twice", "--input", "21").out.endswith("\n42\n")
    assert cli("graph", "demo.twice").out.splitlines() == [
        "demo.twice (int -> int)",
        "└─ demo.double (int -> int)",
    ]


def test_a_workflow_of_a_module_can_be_shown(cli: Cli) -> None:
    assert cli("graph", "demo_flows:hello").out.splitlines() == [
        "hello (City -> str)",
        "└─ greet (City -> str)",
    ]
    assert cli("graph", "demo_flows:hello", "--mermaid").out.startswith("flowchart TD\n")
    assert cli("graph", "demo_flows:helo").code == 2


# ---------------------------------------------------------------- plugins' commands
@pytest.mark.usefixtures("plugin")
def test_plugins_add_commands(cli: Cli) -> None:
    assert "Give an exit code." in cli("--help").out
    assert cli("demo-sync", "--code", "7").code == 7
    assert cli("demo-async") == Done(0, "slept\n", "")


BROKEN = "import no_such_module"
BROKEN_COMMAND = "import no_such_module\ndef trioflow_commands(app): ..."
COLLIDING = """
from trioflow import hookimpl

@hookimpl
def trioflow_commands(app):
    @app.command
    def run(): ...
"""


@pytest.mark.parametrize("source", [BROKEN_COMMAND, COLLIDING])
def test_a_broken_plugin_is_named_and_does_not_take_the_help_away(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    install_plugin(tmp_path, source, "broken")
    monkeypatch.syspath_prepend(tmp_path)

    done = cli("--help")

    assert done.code == 0
    assert "run" in done.out
    assert "plugin 'broken' (trioflow-broken 1.2)" in done.err


@pytest.mark.parametrize("tokens", [("--help",), ("--version",), ("run", "--help")])
def test_a_plugin_without_commands_is_not_imported_for_the_help(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: tuple[str, ...]
) -> None:
    install_plugin(tmp_path, BROKEN, "broken")
    monkeypatch.syspath_prepend(tmp_path)

    done = cli(*tokens)

    assert (done.code, done.err) == (0, "")


def test_a_plugin_that_cannot_be_imported_stops_a_run(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_plugin(tmp_path, BROKEN, "broken")
    monkeypatch.syspath_prepend(tmp_path)

    done = cli("run", "demo_flows:hello", "--input", CITY)

    assert done.code == 2
    assert "TRIOFLOW_DISABLE=broken" in done.err


# ---------------------------------------------------------------- commands of our plugins
DRAWING = """
from trioflow import hookimpl

@hookimpl
def trioflow_commands(app):
    @app.command(show=False)
    def draw(target: str, file: str, /):
        print("drawing", target, "to", file)

    @app.command
    def timeline(run: str, /, *, html: str):
        print("drawing", run, "to", html)
"""
TIMELINE = ("timeline", "r", "--html", "r.html")
GRAPH = ("graph", "demo_flows:hello", "--svg", "hello.svg")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a plugin in the place of trioflow-pictures.

    Whether that is installed makes no difference: of distributions of one name only the one
    that comes first in the path counts.
    """

    def install(source: str) -> None:
        install_plugin(tmp_path, source, "pictures")
        if not source:
            (tmp_path / "trioflow_pictures-1.2.dist-info" / "entry_points.txt").write_text("")
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.mark.parametrize(
    ("tokens", "asked"),
    [
        (TIMELINE, "timeline"),
        (("timeline", "--help"), "timeline"),
        (("draw", "a", "b"), "draw"),
        (GRAPH, "graph --svg"),
    ],
)
def test_a_command_whose_plugin_is_missing_says_how_to_install_it(
    cli: Cli, pictures: Callable[[str], None], tokens: tuple[str, ...], asked: str
) -> None:
    pictures("")

    remedy = "install it with: pip install trioflow-pictures"
    assert cli(*tokens) == Done(2, "", f"trioflow: {asked} needs trioflow-pictures; {remedy}\n")


def test_everything_else_does_not_need_that_plugin(
    cli: Cli, pictures: Callable[[str], None]
) -> None:
    pictures("")

    assert cli("--help").code == 0
    assert cli("graph", "demo_flows:hello", "--mermaid").code == 0
    assert "Unknown command" in cli("time-line").err


@pytest.mark.parametrize("tokens", [TIMELINE, GRAPH])
def test_a_command_whose_plugin_is_disabled_says_so(
    cli: Cli,
    pictures: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tokens: tuple[str, ...],
) -> None:
    pictures(DRAWING)
    monkeypatch.setenv("TRIOFLOW_DISABLE", "pictures")

    done = cli(*tokens)

    assert (done.code, done.out) == (2, "")
    assert "needs the plugin 'pictures'; remove it from TRIOFLOW_DISABLE" in done.err


@pytest.mark.parametrize("tokens", [TIMELINE, GRAPH])
def test_a_command_whose_plugin_is_broken_names_the_fault(
    cli: Cli, pictures: Callable[[str], None], tokens: tuple[str, ...]
) -> None:
    pictures(BROKEN)

    done = cli(*tokens)

    assert done.code == 2
    assert "plugin 'pictures' (trioflow-pictures 1.2)" in done.err
    assert "pip install" not in done.err


def test_a_plugin_draws_what_it_is_asked_for(cli: Cli, pictures: Callable[[str], None]) -> None:
    pictures(DRAWING)

    assert cli(*TIMELINE) == Done(0, "drawing r to r.html\n", "")
    assert cli(*GRAPH) == Done(0, "drawing demo_flows:hello to hello.svg\n", "")
    assert cli(*GRAPH[:2], "--svg=--help").out == "drawing demo_flows:hello to --help\n"


# ---------------------------------------------------------------- the way out
def test_an_interruption_outside_of_a_run_exits_with_130(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted() -> int:
        raise BaseExceptionGroup("nursery", [BaseExceptionGroup("", [KeyboardInterrupt()])])

    assert exit_code_of(interrupted) == 130
    assert capsys.readouterr().err == "trioflow: interrupted\n"


def test_a_full_disk_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> int:
        raise OSError(28, "No space left on device")

    assert exit_code_of(write) == 1
    assert capsys.readouterr().err == "trioflow: error: [Errno 28] No space left on device\n"


def test_other_exceptions_are_bugs_and_stay_what_they_are() -> None:
    def buggy() -> int:
        raise ExceptionGroup("", [ZeroDivisionError("bug")])

    with pytest.raises(ZeroDivisionError, match="bug"):
        exit_code_of(buggy)

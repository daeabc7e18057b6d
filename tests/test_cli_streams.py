"""Standard streams of any kind, and output that is JSON in every locale."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.cli_support import Cli
from tests.test_cli_process import LIMIT, command, folder, linux_only
from tests.test_cli_stored import cli
from trioflow._cli import main
from trioflow._cli.output import Output
from trioflow._cli.plain import PlainDisplay
from trioflow._cli.streams import prepare_streams

__all__ = ["cli", "folder"]  # the fixtures

GREETING = "Hello, héllo 東京 😀 \u2028!"


# ---------------------------------------------------------------- JSON in and out
NO_JSON = ["[1e999]", "[NaN]", "-Infinity", '{"a": 1, "a": 2}', "", "{"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "tokens",
    [
        ("run", "demo_flows:asking_any", "--input"),
        ("run", "demo_flows:asking_any", "--state"),
        ("resume", "RUN", "--data"),
        ("fork", "RUN", "asks", "--input"),
        ("fork", "RUN", "asks", "--data"),
        ("fork", "RUN", "asks", "--context"),
        ("send", "RUN", "go"),
    ],
)
def test_every_json_option_is_strict(cli: Cli, tokens: tuple[str, ...]) -> None:
    cli("run", "demo_flows:asking_any", "--input", "1", "--run-id", "RUN")
    before = cli("events", "RUN", "--json").out
    workflow = () if tokens[0] in ("run", "send") else ("--workflow", "demo_flows:asking_any")

    for text in NO_JSON:
        last = (tokens[-1], text) if tokens[0] == "send" else (f"{tokens[-1]}={text}",)
        done = cli(*tokens[:-1], *last, *workflow)

        assert done.code == 2, text
        assert done.out == ""
        assert "is not JSON" in done.err or "occurs twice" in done.err
    assert cli("events", "RUN", "--json").out == before


@given(
    st.recursive(st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)),
    st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252", "shift_jis", "koi8-r"]),
)
def test_a_result_is_json_in_every_encoding(value: object, encoding: str) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as read:
        with open(writer, "wb"):
            trio.run(PlainDisplay(Output(writer, encoding)).show_result, value)
        written = read.read()

    assert json.loads(written.decode(encoding)) == value
    assert json.loads(written) == value  # as those read it who expect JSON to be UTF-8


@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict"},
    ],
)
def test_results_are_json_in_every_locale(folder: Path, locale: dict[str, str]) -> None:
    (folder / "input.json").write_text(json.dumps({"name": GREETING[7:-1]}), encoding="utf-8")
    typed = json.dumps({"name": GREETING[7:-1]}, ensure_ascii=False)
    for given_input in (typed, "@input.json"):
        for options in ([], ["--json"]):
            done = subprocess.run(
                command("run", "demo_flows:hello", "--input", given_input, *options),
                env={**os.environ, **locale},
                capture_output=True,
                timeout=LIMIT,
                check=True,
            )
            value = json.loads(done.stdout.splitlines()[-1])
            assert (value["payload"]["result"] if options else value) == GREETING


# ---------------------------------------------------------------- closed and broken streams
@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize(
    ("redirection", "problem"),
    [
        ("<&-", "--input: standard input is closed; give JSON, or @FILE"),
        (
            "0>/dev/null",
            "--input: cannot read standard input: Bad file descriptor",
        ),
        (
            "</dev/null",
            "standard input is not JSON: Expecting value (line 1, column 1); it is empty",
        ),
    ],
)
def test_standard_input_that_gives_nothing_is_one_line(redirection: str, problem: str) -> None:
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh"]
    tokens = command("run", "demo_flows:asking_any", "--input", "-")
    done = subprocess.run(
        [*shell, *tokens], capture_output=True, text=True, timeout=LIMIT, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trioflow: {problem}\n")


@linux_only
@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_place_of_a_closed_stream(folder: Path, closed: str) -> None:
    look = "import os; from trioflow._cli.streams import prepare_streams as p; p();"
    look += "open('seen', 'w').write(' '.join(os.readlink(f'/proc/self/fd/{fd}') for fd in"
    look += " (0, 1, 2)) + ' ' + str(all(map(os.get_inheritable, (0, 1, 2)))))"
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", look],
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )

    *names, is_inheritable = (folder / "seen").read_text().split()
    assert done.returncode == 0
    assert is_inheritable == "True"
    assert names.count(os.devnull) == len(closed.split())
    assert all(name == os.devnull or name.startswith("pipe:") for name in names)


def test_open_streams_stay_as_they_are() -> None:
    before = [os.fstat(fd).st_ino for fd in range(3)]

    prepare_streams()

    assert [os.fstat(fd).st_ino for fd in range(3)] == before


@pytest.mark.parametrize(
    ("problem", "code", "message"),
    [
        (OSError(28, "No space left on device"), 1, "error: [Errno 28] No space left on device"),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_the_version_cannot_always_be_printed(
    monkeypatch: pytest.MonkeyPatch, problem: OSError, code: int, message: str
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise problem

    err = io.StringIO()
    monkeypatch.setattr("trioflow._cli.forget_stdout", lambda: None)
    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "stderr", err)

    assert main(["--version"]) == code
    assert err.getvalue() == (f"trioflow: {message}\n" if message else "")

"""What is typed: inputs, contexts and targets, right and wrong."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli_support import project
from trioflow import Workflow
from trioflow._cli.errors import UsageError
from trioflow._cli.inputs import as_typed, read_context, read_value
from trioflow._cli.json_text import parse_json
from trioflow._cli.targets import import_workflow, is_in_module, known_workflow


def problem(call: Any, *args: Any) -> str:
    with pytest.raises(UsageError) as caught:
        call(*args)
    return str(caught.value)


# ---------------------------------------------------------------- values
@pytest.mark.parametrize(
    ("text", "value"), [('{"a": [1, 2.5]}', {"a": [1, 2.5]}), ("null", None), ("-5", -5)]
)
def test_a_value_is_json(text: str, value: object) -> None:
    assert read_value(text, "--input") == value


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_is_read(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "input.json"
    file.write_text(mark + '"Zürich"', encoding="utf-8")

    assert read_value(f"@{file}", "--input") == "Zürich"


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))

    assert read_value("-", "--input") == [1]


def test_standard_input_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert problem(read_value, "-", "--input") == (
        "--input: standard input is closed; give JSON, or @FILE"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no /dev/zero")
def test_a_file_without_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioflow._cli.inputs.MAX_BYTES", 2**20)

    assert problem(read_value, "@/dev/zero", "--input") == (
        "/dev/zero is larger than 1 MiB, the maximum for an input"
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{root: 1}", ["property name enclosed in double quotes (line 1, column 2)", "{root", "^"]),
        ('{\n  "a": 1,\n  "b": tru\n}', ["Expecting value (line 3, column 8)", '"b": tru', "^"]),
        ('{"a":', ["Expecting value (line 1, column 6)", '{"a":', "^"]),
        ("", ["it is empty"]),
        (" \n ", ["it is empty"]),
        ("[1] 2", ["Extra data (line 1, column 5)"]),
        (
            "hello world",
            ["Expecting value (line 1, column 1)", "a JSON string needs double"],
        ),
        ("[NaN]", ["NaN is not a JSON number"]),
        ("[1e999]", ["--input is not JSON: the number 1e999 is too large for a float"]),
        ("-1e999", ["the number -1e999 is too large"]),
        ("[" * 100_000, ["--input is not JSON"]),
        ("1" * 10_000, ["--input is not JSON"]),
    ],
)
def test_bad_json_says_what_and_where(text: str, lines: list[str]) -> None:
    message = problem(parse_json, text, "--input")

    assert message.startswith("--input is not JSON: ")
    assert all(line in message for line in lines)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "a": 1}', '"a"'),
        ('[{"x": {"": 1, "b": 2, "": 3}}]', '""'),
        (r'{"a": 1, "\u0061": 2}', '"a"'),
        ('{"b": {"a": 1, "a": 2}, "b": 3}', '"a"'),
    ],
)
def test_a_key_that_occurs_twice_is_refused(text: str, key: str) -> None:
    message = f"--data: key {key} occurs twice in one object; remove one of them"

    assert problem(parse_json, text, "--data") == message
    assert problem(read_value, text, "--data") == message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_every_other_value_is_read_as_it_was_written(value: object) -> None:
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:  # an infinite number
        with pytest.raises(UsageError, match="is not a JSON number"):
            parse_json(json.dumps(value), "--input")
    else:
        assert parse_json(text, "--input") == value


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_arguments_are_utf_8_in_every_locale(encoding: str) -> None:
    typed = '"Zürich 😀"'.encode().decode(encoding, "surrogateescape")

    assert as_typed('"Zürich 😀"', "--input") == '"Zürich 😀"'
    if encoding != "latin-1":  # which has every byte: there, nothing shows that it was UTF-8
        assert read_value(typed, "--input") == "Zürich 😀"
        assert read_context([f"city={typed}"]) == {"city": '"Zürich 😀"'}


def test_an_argument_that_is_not_utf_8_is_refused() -> None:
    typed = os.fsdecode(b'"\xff"')

    assert problem(read_value, typed, "--data") == (
        "--data is not UTF-8 text: invalid start byte at byte 1"
    )
    assert "--context is not UTF-8" in problem(read_context, [f"a={typed}"])


def test_standard_input_may_be_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "w") as stdin:
        raw = io.BufferedReader(io.FileIO(stdin.fileno(), "r", closefd=False))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))

        assert problem(read_value, "-", "--input") == (
            "--input: cannot read standard input: Bad file descriptor"
        )


def test_a_mistake_is_pointed_at_in_a_long_line() -> None:
    text = '{"a": [' + "1, " * 500 + "x" + ", 1" * 500 + "]}"

    _, excerpt, pointer = problem(parse_json, text, "--input").splitlines()

    assert len(excerpt) < 70
    assert excerpt[pointer.index("^")] == "x"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert problem(read_value, f"@{tmp_path}/no.json", "--input") == (
        f"--input: cannot read '{tmp_path}/no.json': No such file or directory"
    )
    assert "Is a directory" in problem(read_value, f"@{tmp_path}", "--input")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_bytes(b'"\xff"')

    assert problem(read_value, f"@{file}", "--input") == (
        f"{file} is not UTF-8 text: invalid start byte at byte 1"
    )


# ---------------------------------------------------------------- contexts
def test_a_context_is_built_from_texts_and_objects(tmp_path: Path) -> None:
    file = tmp_path / "context.json"
    file.write_text('{"c": 3, "a": "file"}')

    entries = ["a=1=2", ' {"b": 2}', f"@{file}", "d="]

    assert read_context(entries) == {"a": "file", "b": 2, "c": 3, "d": ""}


@pytest.mark.parametrize("entry", ["a", "=a", ""])
def test_an_entry_without_key_is_refused(entry: str) -> None:
    assert "needs KEY=STRING or a JSON object" in problem(read_context, [entry])


def test_a_context_from_a_file_has_to_be_an_object(tmp_path: Path) -> None:
    file = tmp_path / "context.json"
    file.write_text("[1]")

    assert problem(read_context, [f"@{file}"]) == "--context needs a JSON object, not [1]"


# ---------------------------------------------------------------- targets
MODULE = """
from trioflow import Workflow

weather = Workflow("weather", input=int)
number = 5

class Flows:
    nested = weather
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working directory to import from."""
    with project(tmp_path):
        (tmp_path / "my_flows.py").write_text(MODULE)
        yield tmp_path


def test_modules_are_told_from_ids() -> None:
    assert is_in_module("my_app.flows:weather")
    assert not is_in_module("files.report")


@pytest.mark.parametrize("target", ["my_flows:weather", "my_flows:Flows.nested"])
def test_a_workflow_is_imported_from_the_working_directory(folder: Path, target: str) -> None:
    assert import_workflow(target).id == "weather"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("my_flows:wether", "'my_flows' has no 'wether'; did you mean 'weather'?"),
        ("my_flows:", "'my_flows' has no ''; workflows in it: weather"),
        ("my_flows:number", "my_flows:number is not a Workflow, but of type int; workflows in it"),
        ("my_flow:weather", "there is no module 'my_flow' in "),
        ("my_app.flows:weather", "there is no module 'my_app' in "),
        ("my-flows.py:weather", "'my-flows.py' is not the name of a module; give MODULE:ATTR"),
        (":weather", "'' is not the name of a module"),
    ],
)
def test_a_target_that_is_not_there_is_explained(folder: Path, target: str, message: str) -> None:
    assert problem(import_workflow, target).startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import no_such_thing",
            "ModuleNotFoundError: No module named 'no_such_thing' ({file}, line 1)",
        ),
        ("\n1 / 0", "ZeroDivisionError: division by zero ({file}, line 2)"),
        ("x = (", "SyntaxError: '(' was never closed (broken.py, line 1)"),
    ],
)
def test_a_module_that_cannot_be_imported_says_where(
    folder: Path, source: str, message: str
) -> None:
    file = folder / "broken.py"
    file.write_text(source)

    assert problem(import_workflow, "broken:weather") == (
        f"module 'broken' cannot be imported: {message.format(file=file)}"
    )


def test_an_unknown_workflow_is_told_from_a_similar_one() -> None:
    known = {"files.report": Workflow("files.report", input=int)}

    assert known_workflow("files.report", known).id == "files.report"
    assert problem(known_workflow, "files.reprot", known) == (
        "unknown workflow 'files.reprot'; did you mean 'files.report'?"
    )
    assert problem(known_workflow, "zzz", known) == (
        "unknown workflow 'zzz'; known: files.report, or MODULE:ATTR of your own"
    )
    assert problem(known_workflow, "zzz", {}) == (
        "unknown workflow 'zzz'; known: none installed, or MODULE:ATTR of your own"
    )
    assert problem(known_workflow, "flows.py", known) == (
        "unknown workflow 'flows.py'; for a workflow in a file write flows:NAME"
    )

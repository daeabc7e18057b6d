"""Values, durations, results and listings as text."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from attrs import frozen
from rich.console import Console

from trioflow._cli.tables import ROWS, print_listing, render
from trioflow._cli.text import clean, duration, one_line
from trioflow._cli.values import describe_error, plain_json, preview
from trioflow.wire._values import lenient_json

STYLE = re.compile(r"\x1b\[[\d;]*m")


@frozen
class City:
    name: str


class Stranger:
    def __repr__(self) -> str:
        return "<a stranger>"


# ---------------------------------------------------------------- texts
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext ä 東京 👩‍💻", "plain\n\ttext ä 東京 👩‍💻"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\rb\x00\x7f\x9b", "a\\x0db\\x00\\x7f\\x9b"),
        ("\u202egnp.exe", "\\x202egnp.exe"),
    ],
)
def test_what_a_terminal_might_obey_is_escaped(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_line_is_one_line_and_not_too_long() -> None:
    assert one_line("  a\n\nb\tc ") == "a b c"
    assert one_line("x" * 300, 10) == "xxxxxxxxx…"
    assert len(one_line("x" * 10**6)) == 200


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.001, "0.0s"),
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7261, "2h01m"),
        (360_000, "100h00m"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_values_are_json_except_texts() -> None:
    assert preview("a text") == "a text"
    assert preview({"city": City("Oslo")}) == '{"city": {"name": "Oslo"}}'


def test_parts_without_json_form_become_texts() -> None:
    value = {"a": [Stranger(), 1], 2: (float("nan"), City("Oslo"))}

    assert lenient_json(value) == {"a": ["<a stranger>", 1], "2": ["nan", {"name": "Oslo"}]}
    assert plain_json(Stranger()) == '"<a stranger>"'


def test_an_error_is_its_class_and_message() -> None:
    assert describe_error(ValueError("two\nlines")) == "ValueError: two lines"
    assert describe_error(KeyError()) == "KeyError"


# ---------------------------------------------------------------- results
def drawn(data: Any, width: int = 60) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, highlight=False).print(render(data))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_records_are_a_table_with_numbers_to_the_right() -> None:
    assert drawn([{"path": "a.py", "bytes": 120}, {"path": "b.py", "bytes": 7, "new": True}]) == [
        "path   bytes   new",
        "───────────────────",
        "a.py     120",
        "b.py       7   true",
    ]


def test_a_long_list_says_how_much_is_not_shown() -> None:
    lines = drawn([{"n": n} for n in range(ROWS + 3)])

    assert len([line for line in lines if line.strip().isdigit()]) == ROWS
    assert lines[-1].strip() == "… 3 more"


def test_a_record_is_a_list_of_its_fields_with_tables_inside() -> None:
    assert drawn({"name": "Oslo", "size": 3, "streets": [{"id": 1}], "tags": ["a", {"b": 1}]}) == [
        "name     Oslo",
        "size     3",
        "streets  id",
        "         ──",
        "          1",
        'tags     ["a", {"b": 1}]',
    ]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("two\nlines", ["two", "lines"]),
        (31, ["31"]),
        (None, ["null"]),
        ({}, ["{}"]),
        ([], ["[]"]),
        ([1, "a"], ["[", "  1,", '  "a"', "]"]),
    ],
)
def test_anything_else_is_json_or_the_text_itself(data: Any, lines: list[str]) -> None:
    assert drawn(data) == lines


def test_results_cannot_play_with_the_terminal() -> None:
    evil = "\x1b[2J\x9b1m[bold]"

    for data in (evil, {"a": evil, evil: 1}, [{evil: evil}], [evil], {"a": [{"b": [evil]}]}):
        text = "".join(drawn(data, 200))
        assert text.isprintable()
        assert "[bold]" in text


def test_cells_are_folded_and_never_cut() -> None:
    text = "".join(line.strip() for line in drawn([{"a": "x" * 100}], width=30))

    assert text.count("x") == 100


# ---------------------------------------------------------------- listings
def test_elsewhere_than_on_a_terminal_a_row_is_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")

    print_listing(("ID", "TEXT"), [("a", "long " * 30), ("b.c", "\x1b[2J")], "nothing")

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["ID   TEXT", f"a    {'long ' * 30}".rstrip(), "b.c  \\x1b[2J"]


def test_on_a_terminal_the_longer_text_has_its_own_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "24")
    rows = [("a", "City", "x 1.0", "A text of some length."), ("b.c", "int", "y 2", "Short.")]

    print_listing(("ID", "TYPE", "FROM", "TEXT"), rows, "nothing")
    print_listing(("ID", "TEXT"), [], "nothing")

    assert [line.rstrip() for line in STYLE.sub("", capsys.readouterr().out).splitlines()] == [
        "ID   TYPE  FROM",
        "a    City  x 1.0",
        "    A text of some",
        "    length.",
        "b.c  int   y 2",
        "    Short.",
        "nothing",
    ]


def test_rows_that_are_too_wide_are_not_put_in_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "16")

    print_listing(("ID", "TYPE", "TEXT"), [("a", "x" * 12, "t"), ("bbbb", "int", "t")], "")

    lines = [line.rstrip() for line in STYLE.sub("", capsys.readouterr().out).splitlines()]
    assert lines == ["ID  TYPE", f"a  {'x' * 12}", "    t", "bbbb  int", "    t"]

"""Any path becomes text that can be printed and sent, and comes back as itself."""

import json
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from trioflow_files import to_path, to_text

any_text = st.text(st.characters())  # lone surrogates included


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/main.py", "src/main.py"),
        ("größe/日本語.txt", "größe/日本語.txt"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("two\nlines", r"two\x0alines"),
        ("next\x85line", r"next\u0085line"),
        ("back\\slash", r"back\\slash"),
        (r"not\xe9", r"not\\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_only_what_cannot_be_printed_is_escaped(path: str, text: str) -> None:
    assert to_text(path) == text
    assert to_path(text) == path


@given(any_text)
@example("\\xe9")
@example("\udc80\udcff\udc7f")
def test_text_turns_back_into_the_path(path: str) -> None:
    assert to_path(to_text(path)) == path


@given(st.binary().map(os.fsdecode))
def test_the_text_of_any_file_name_survives_json_and_utf_8(path: str) -> None:
    sent = json.dumps(to_text(path), ensure_ascii=False).encode("utf-8")

    assert to_path(json.loads(sent)) == path


@given(any_text)
def test_text_is_one_line_without_control_characters(path: str) -> None:
    assert len(to_text(path).splitlines()) <= 1 or set("\u2028\u2029") & set(path)
    assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in to_text(path))


def test_separators_become_forward_slashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sep", "\\")

    assert to_text(r"src\main.py") == "src/main.py"

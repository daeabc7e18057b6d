"""What a process writes, as lines of a bounded length."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trioflow_mcp.processes import Lines, UnreadableError


def new_lines(largest: int = 1_000, encoding: str = "utf-8", errors: str = "strict") -> Lines:
    return Lines(codecs.getincrementaldecoder(encoding)(errors), largest)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.data())
def test_lines_are_the_same_however_they_arrive(texts: list[str], data: st.DataObject) -> None:
    whole = "".join(f"{text}\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=9)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    lines = new_lines(10**6)

    found = [line for part in parts for line in lines.add(part)]

    assert found == "".join(f"{text}\n" for text in texts).split("\n")[:-1]


@given(st.integers(1, 50), st.integers(1, 7))
def test_a_line_may_have_so_many_characters_and_no_more(largest: int, size: int) -> None:
    lines = new_lines(largest)
    whole = "é" * largest

    for start in range(0, largest, size):
        assert lines.add(whole[start : start + size].encode()) == []
    with pytest.raises(UnreadableError, match=f"more than {largest}"):
        lines.add("é".encode())


def test_the_bound_counts_for_each_line() -> None:
    lines = new_lines(3)
    assert lines.add(b"abc\nabc") == ["abc"]
    assert lines.add(b"\nabc\n") == ["abc", "abc"]


def test_other_encodings() -> None:
    assert new_lines(encoding="utf-16-le").add("ä\nb\n".encode("utf-16-le")) == ["ä", "b"]
    assert new_lines(errors="replace").add(b"\xe9\n") == ["\N{REPLACEMENT CHARACTER}"]

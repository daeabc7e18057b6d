"""Which part of a value cannot be pickled."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from trioflow.runners.remote._culprit import find_culprit


@attrs.frozen
class Part:
    name: str
    content: Any


class Slotted:
    __slots__ = ("lock",)


class TestCulprits:
    @staticmethod
    def dump(value: Any) -> None:
        if "bad" in repr(value):
            raise TypeError("bad")

    @pytest.mark.parametrize(
        ("value", "path"),
        [
            ("bad", ""),
            (["good", "bad"], "[1]"),
            ({"a": {"b": ("good", "bad")}}, "a.b[1]"),
            ({1: "bad"}, "[1]"),
            ({"good", "bad"}, None),
            (Part("good", "bad"), "content"),
            (ValueError("bad"), ""),
            (slice(0, "bad"), ""),
        ],
    )
    def test_the_innermost_part_is_found(self, value: Any, path: str | None) -> None:
        found, culprit = find_culprit(value, self.dump)

        assert "bad" in repr(culprit)
        if path is not None:
            assert found == path

    def test_attributes_count_and_circles_end(self) -> None:
        value = Exception("bad")
        value.attribute = value  # type: ignore[attr-defined]

        assert find_culprit(value, self.dump) == ("", value)

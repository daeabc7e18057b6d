"""How much room a text takes, and how it is written into SVG.

Nobody knows which font a reader has, so widths are estimates on the safe side: fixed-width
fonts are at most 0.62 em wide per character. Characters that such fonts borrow from others
may have any width; a text with some of them is told its length and fits in any case.
"""

from __future__ import annotations

import math
import re
import unicodedata
from xml.sax.saxutils import escape

EM = 0.62
"""Width of a character of a fixed-width font, as a share of its size."""
WIDE_EM = 1.25
"""The same for characters that take two columns, and for all of unknown width."""

_KNOWN = re.compile("[\x20-\x7e\xa0-\u052f\u2010-\u2027\u2190-\u21ff]*")
# XML has no way to write these, not even as references.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def width_of(text: str, size: float) -> float:
    """Return the width that *text* takes at most, in the same unit as the size of its font."""
    # Not sum(): it rounds in another way from Python 3.12 on, and drawings are to be the same.
    return math.fsum(map(_em, text)) * size


def shorten(text: str, limit: int) -> str:
    """Return *text* on one line, without its middle if it has more than *limit* characters.

    The end is as telling as the beginning: long ids often differ only there.
    """
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 2
    return f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"


def xml_text(text: str) -> str:
    """Return *text* as XML shows it; what XML cannot hold is replaced."""
    return escape(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})


def write(text: str, x: float, y: float, size: float, look: str, anchor: str = "start") -> str:
    """Return a text element whose baseline begins, or has its middle or end, at (x, y)."""
    fit = ""
    if not _KNOWN.fullmatch(text):
        length = number(width_of(text, size))
        fit = f' textLength="{length}" lengthAdjust="spacingAndGlyphs"'
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" class="{look}"'
        f"{place}{fit}>{xml_text(text)}</text>"
    )


def number(value: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _em(char: str) -> float:
    if unicodedata.combining(char):
        return 0
    return EM if _KNOWN.fullmatch(char) else WIDE_EM

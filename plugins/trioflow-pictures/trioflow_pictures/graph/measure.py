"""Estimate the width of texts, and write them to SVG.

The font of the reader is unknown, so widths are conservative estimates: fixed-width
fonts are at most 0.62 em wide per character. Characters that come from fallback fonts
may have any width; a text with such characters gets an explicit ``textLength``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from xml.sax.saxutils import escape

EM = 0.62
"""Width of a character of a fixed-width font, relative to its size."""
WIDE_EM = 1.25
"""The same for characters of two columns or of unknown width."""

_KNOWN = re.compile("[\x20-\x7e\xa0-\u052f\u2010-\u2027\u2190-\u21ff]*")
# XML cannot represent these characters, not even as references.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def width_of(text: str, size: float) -> float:
    """Return the maximum width of *text*, in the unit of the font size."""
    # Not sum(), which rounds differently since Python 3.12: drawings must not differ.
    return math.fsum(map(_em, text)) * size


def shorten(text: str, limit: int) -> str:
    """Return *text* on one line; cut out its middle if it exceeds *limit* characters.

    The end is kept, because long ids often differ only there.
    """
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 2
    return f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"


def xml_text(text: str) -> str:
    """Escape *text* for XML, and replace characters that XML cannot represent."""
    return escape(_NOT_XML.sub("\ufffd", text), {'"': "&quot;"})


def write(text: str, x: float, y: float, size: float, look: str, anchor: str = "start") -> str:
    """Return a text element with the start, middle or end of its baseline at (x, y)."""
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

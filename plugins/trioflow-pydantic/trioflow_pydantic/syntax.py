"""The syntax of values that JSON carries as strings, so that schemas can state it.

Pydantic reads more than it states, such as a number of seconds as a date. Only strings that
match these patterns are read. They are regular expressions of Python and of ECMA-262 alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from trioflow.describe import json_schema

DATE = json_schema(date, plugins=())["pattern"].removeprefix("^").removesuffix("$")
"""trioflow's pattern, which only days of the calendar match."""
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
ZONE = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
NUMBER = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?"
INTEGER = "-?(0|[1-9][0-9]*)"

SECOND = "([.][0-9]{1,6})?S"
USUAL = (
    "(?=[0-9T])([0-9]{1,6}Y)?([0-9]{1,6}M)?([0-9]{1,7}W)?([0-9]{1,8}D)?"
    f"(T(?=[0-9])([0-9]{{1,6}}H)?([0-9]{{1,7}}M)?([0-9]{{1,7}}{SECOND})?)?"
)
"""Durations of which each amount is far from the longest `timedelta`."""
BELOW_DAY = "(T(?=[0-9])(([01]?[0-9]|2[0-3])H)?([0-5]?[0-9]M)?" + f"([0-5]?[0-9]{SECOND})?)?"
MANY = (
    "(1[0-9]{6}|2[0-6][0-9]{5}|27[0-2][0-9]{4}|273[0-8][0-9]{3}"
    "|2739[0-6][0-9]{2}|27397[01][0-9]|273972[0-5])"
)
"""Numbers of years, of 365 days each, up to 2,739,725."""
LONG = f"{MANY}Y(([12]?[0-9]?[0-9]|3[0-5][0-9]|36[0-4])D)?{BELOW_DAY}|2739726Y([0-8]D)?{BELOW_DAY}"
"""Longer durations, as Pydantic writes them."""
DURATION = f"([+-]?P({USUAL}|{LONG})|[+]?P2739726Y9D{BELOW_DAY}|-P2739726Y9D)"
DECIMAL = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,9})?"
UUID = "-".join(f"[0-9a-fA-F]{{{count}}}" for count in (8, 4, 4, 4, 12))
HEX = "([0-9a-fA-F]{2})*"
BASE64 = "([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]==|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]=)?"
ZONES = {None: f"{ZONE}?", "naive": ""}
"""The syntax of the time zone by the constraint of a type; others require one."""


def pattern_of(node: Mapping[str, Any], bytes_form: str) -> str | None:
    """Return the pattern of the strings of a core schema; None if it has no certain syntax.

    Args:
      node: A core schema.
      bytes_form: The form of bytes: "utf8", "hex" or "base64".
    """
    kind = node["type"]
    if kind in ("datetime", "time"):
        zone = ZONES.get(node.get("tz_constraint"), ZONE)
        pattern = f"{DATE}T{CLOCK}{zone}" if kind == "datetime" else f"{CLOCK}{zone}"
    elif kind == "bytes":
        pattern = {"hex": HEX, "base64": BASE64}.get(bytes_form, "")
        if not pattern:
            return None
    elif kind == "decimal" and node.get("allow_inf_nan"):
        pattern = f"({DECIMAL}|-?Infinity|NaN)"
    else:
        found = {"date": DATE, "timedelta": DURATION, "uuid": UUID, "decimal": DECIMAL}.get(kind)
        if found is None:
            return None
        pattern = found
    return f"^{pattern}$"

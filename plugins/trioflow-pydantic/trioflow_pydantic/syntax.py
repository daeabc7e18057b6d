"""The syntax of values that JSON carries as strings, so that schemas can state it.

Pydantic reads more than it states, such as a number of seconds as a date. Only strings that
match these patterns are read. They are regular expressions of Python and of ECMA-262 alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = "[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
ZONE = "(Z|[+-][0-9]{2}:[0-9]{2})"
NUMBER = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?"
INTEGER = "-?(0|[1-9][0-9]*)"
AMOUNT = "[0-9]{1,9}"
DURATION = (
    f"[+-]?P(?=[0-9T])({AMOUNT}Y)?({AMOUNT}M)?({AMOUNT}W)?({AMOUNT}D)?"
    f"(T(?=[0-9])({AMOUNT}H)?({AMOUNT}M)?({AMOUNT}([.][0-9]{{1,6}})?S)?)?"
)
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

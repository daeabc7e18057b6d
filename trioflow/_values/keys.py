"""Keys of mappings, which are strings in JSON.

A string is a key of a type if it fits the type itself, or if it is the text of JSON that does:
``"1"`` is a key of ``dict[int, str]``, as ``json.dumps`` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._values.structure import faults_of
from trioflow.errors import Fault

if TYPE_CHECKING:
    from cattrs import Converter

INTEGER = "^(?:0|-?[1-9][0-9]{0,4299})$"
"""The integers that can be keys; Python refuses to read longer ones."""
WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_IS_INTEGER = re.compile(INTEGER.removesuffix("$") + r"\Z").match

KeyHook = Callable[[Any], Any]


def key_hook_of(type_: Any, converter: Converter) -> KeyHook:
    """Return a function that structures keys of a type; it raises as hooks do."""
    hook = converter.get_structure_hook(type_)

    def structure(key: Any) -> Any:
        try:
            return hook(key, type_)
        except Exception:
            if type(key) is not str:
                raise
            found = _scalar(key)
            if found is key:
                raise
            try:
                made = hook(found, type_)
            except Exception:
                made = key
            if made is key or type(made) is float:  # floats have several texts
                raise
            return made

    return structure


def _scalar(text: str) -> Any:
    """Return the integer, boolean or None that a string is the JSON text of, or the string."""
    if text in WORDS:
        return WORDS[text]
    return int(text) if _IS_INTEGER(text) else text


def structure_key(key: Any, hook: KeyHook, faults: list[Fault]) -> Any:
    """Return a key structured, or add its faults to *faults* and return it unchanged."""
    try:
        made = hook(key)
        hash(made)
    except Exception as exc:
        wrong = faults_of(exc, f"[{key!r}]")
        faults += (attrs.evolve(fault, problem=f"as a key, {fault.problem}") for fault in wrong)
        return key
    return made

"""Names of parameters that are the same in each process, so that several can share the tests."""

from __future__ import annotations

import re

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def name_of(value: object) -> str:
    """Return what is shown of a value, without addresses, and with the members of sets in order."""
    if isinstance(value, list):
        return f"[{', '.join(map(name_of, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(name_of, value)))}}}"
    return ADDRESS.sub("", str(value))

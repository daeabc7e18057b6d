"""Where trioflow differs from the recorded engine on purpose: ``deviations.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import attrs

from .build import Case
from .contents import WHEN
from .observations import BEHAVES, Observed


@attrs.frozen
class Deviation:
    """One way in which trioflow differs from the recorded engine on purpose."""

    id: str
    when: Callable[[Case], bool]
    behaves: Callable[[Case, Observed], bool]
    reason: str
    versions: str = ""

    def concerns(self, case: Case) -> bool:
        """Tell whether a case is of the kind that this is about."""
        version: str = case["source"]["version"]
        return version.startswith(self.versions) and self.when(case)


@cache
def deviations() -> tuple[Deviation, ...]:
    """Return all entries."""
    entries = tomllib.loads(Path(__file__).with_name("deviations.toml").read_text("utf-8"))
    return tuple(
        Deviation(**{**entry, "when": WHEN[entry["when"]], "behaves": BEHAVES[entry["behaves"]]})
        for entry in entries["deviation"]
    )


def deviation_of(case: Case, observed: Observed) -> Deviation | None:
    """Return the entry that explains what was observed, if there is one."""
    concerned = (entry for entry in deviations() if entry.concerns(case))
    return next((entry for entry in concerned if entry.behaves(case, observed)), None)

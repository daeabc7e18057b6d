"""Where runs differ from recorded runs of Mastra on purpose, from the list that the tests use."""

from __future__ import annotations

import tomllib

from _tools.addresses import ROOT
from _tools.tables import table


def deviations() -> str:
    """Return the deviations with their reasons."""
    path = ROOT / "tests" / "conformance" / "deviations.toml"
    entries = tomllib.loads(path.read_text("utf-8"))["deviation"]
    rows = [(each["id"].replace("-", " "), " ".join(each["reason"].split())) for each in entries]
    return table(("deviation", "reason"), rows)

"""What is the same for all workers of a campaign."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

WORKERS = 3


@attrs.frozen
class Settings:
    """What the workers have to know, kept in a file of their folder."""

    url: str
    claim_seconds: float
    seed: int
    began: float
    """When the campaign has begun: seconds since the epoch."""

    @classmethod
    def read(cls, folder: Path) -> Settings:
        return cls(**json.loads((folder / "settings").read_text()))

    def write(self, folder: Path) -> None:
        (folder / "settings").write_text(json.dumps(attrs.asdict(self)))

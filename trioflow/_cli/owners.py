"""Who drives a run, and for how long nobody else may."""

from __future__ import annotations

import getpass
import socket

from trioflow._cli.text import clean, duration
from trioflow.abc import StoredRun
from trioflow.events import ACTIVE_STATUSES

NOBODY = "nobody"


def owner_of(stored: StoredRun) -> str:
    """Return who drives a run: who has claimed it, if the claim holds; empty if it is at rest."""
    if stored.status not in ACTIVE_STATUSES:
        return ""
    return stored.owner if stored.held_for > 0 and stored.owner else NOBODY


def is_interrupted(stored: StoredRun) -> bool:
    """Tell whether a run has to be driven, and nobody does."""
    return owner_of(stored) == NOBODY


def driven_by(stored: StoredRun) -> str:
    """Say on one line who drives a run, and for how long its claim holds."""
    owner = owner_of(stored)
    if owner in ("", NOBODY):
        return owner
    return clean(f"{owner}, held {duration(stored.held_for)}")


def asker() -> str | None:
    """Return who types this, for journals: ``"ann@laptop"``."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError, ImportError):  # a user without a name
        return None

"""Which process drives a run, and for how long its claim holds."""

from __future__ import annotations

import getpass
import socket

from trioflow._cli.text import clean, duration
from trioflow.abc import StoredRun
from trioflow.events import ACTIVE_STATUSES

NOBODY = "-"


def owner_of(stored: StoredRun) -> str:
    """Return the owner of a run's claim, `NOBODY` if no claim holds, "" if it is not active."""
    if stored.status not in ACTIVE_STATUSES:
        return ""
    return stored.owner if stored.held_for > 0 and stored.owner else NOBODY


def is_interrupted(stored: StoredRun) -> bool:
    """Return whether a run is active and no process drives it."""
    return owner_of(stored) == NOBODY and not is_enqueued(stored)


def is_enqueued(stored: StoredRun) -> bool:
    """Return whether a run waits for a worker to begin it."""
    is_free = stored.held_for == 0
    return stored.status == "pending" and stored.last_seq >= 0 and is_free


def driven_by(stored: StoredRun) -> str:
    """Return on one line which process drives a run, and for how long its claim holds."""
    owner = owner_of(stored)
    if owner in ("", NOBODY):
        return owner
    return clean(f"{owner}, held {duration(stored.held_for)}")


def asker() -> str | None:
    """Return the user and host of this command, for journals: ``"ann@laptop"``."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError, ImportError):  # a user without a name
        return None

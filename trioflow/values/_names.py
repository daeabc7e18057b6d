"""The keys of values: safe on every file system, whatever the id of the run is."""

from __future__ import annotations

import hashlib
import re
import secrets

from trioflow._value_refs import NAME, OWNER

PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
"""The bytes that stand for themselves. Case is not significant on every file system."""
LONGEST = 150
"""How long a name may be. Longer ones are shortened: file systems allow 255 bytes."""
SHORT = "=h"
"""How a shortened name begins. No other name does."""
FREE = "=free"
"""The owner of values that were put outside of runs."""


OURS = re.compile(
    f"values/{OWNER}/{NAME}|uses/{OWNER}/{OWNER}/{NAME}|used/{OWNER}/{NAME}/{OWNER}"
    f"|names/{OWNER}|tmp/.*"
)
"""The keys of all that is written here. Other programs leave files in folders and buckets, too."""


def name_of_run(run_id: str) -> str:
    """Return the part of keys that stands for a run, different for every id."""
    name = "".join(chr(b) if b in PLAIN else f"={b:02X}" for b in run_id.encode())
    if len(name) <= LONGEST:
        return name
    return SHORT + hashlib.sha256(run_id.encode()).hexdigest()[:40]


def run_of_name(name: str) -> str | None:
    """Return the id of the run that a name stands for; None if it does not show it."""
    if name.startswith((SHORT, FREE)):
        return None
    first, *escaped = name.split("=")
    parts = [first.encode(), *(bytes.fromhex(p[:2]) + p[2:].encode() for p in escaped)]
    return b"".join(parts).decode()


def new_key(owner: str) -> str:
    """Return the key of a new value of an owner, which no other value has or had."""
    return f"{owner}/{secrets.token_hex(16)}"


def owner_of(key: str) -> str:
    """Return the owner of a value."""
    return key.partition("/")[0]


def content_key(key: str) -> str:
    """Return where the bytes of a value are."""
    return f"values/{key}"


def use_keys(user: str, key: str) -> tuple[str, str]:
    """Return where it is marked that a run other than the owner uses a value, found by both."""
    return f"uses/{user}/{key}", f"used/{key}/{user}"


def full_name_key(name: str) -> str:
    """Return where the run id of a shortened name is."""
    return f"names/{name}"

"""Release resources in a forked process, so that a dead parent does not seem alive."""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod


class LetGoInChild(ABC):
    """An open resource of one process, which shows that the process lives."""

    def __init__(self) -> None:
        _open.add(self)

    @abstractmethod
    def let_go(self) -> None:
        """Release it in a forked process, without notifying the other end."""


_open: weakref.WeakSet[LetGoInChild] = weakref.WeakSet()


def _let_go_of_all() -> None:
    for one in list(_open):
        one.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_of_all)

"""What a forked process must let go of, or its parent would seem to live when it is dead."""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod


class LetGoInChild(ABC):
    """Something open that belongs to one process, and says by that that it lives."""

    def __init__(self) -> None:
        _open.add(self)

    @abstractmethod
    def let_go(self) -> None:
        """Let go of it in a forked process, without a word to whoever is at the other end."""


_open: weakref.WeakSet[LetGoInChild] = weakref.WeakSet()


def _let_go_of_all() -> None:
    for one in list(_open):
        one.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_of_all)

"""Scenes: who reads a run and how, and who cancels it and when."""

from __future__ import annotations

from typing import Literal

import attrs
from hypothesis import strategies as st


@attrs.frozen
class Reader:
    """The one who starts the run."""

    how: Literal["reads", "leaves", "asks for the state", "starts", "submits"] = "reads"
    pause: float = 0.0
    """Seconds between two events."""
    count: int = 0
    """After how many events it leaves."""
    buffer: int = 64


@attrs.frozen
class Observer:
    """One who observes the run beside it."""

    at: float = 0.0
    """When it attaches, in seconds; 0 is before the start."""
    only_new: bool = False
    """Whether it is not interested in what has happened before."""
    pause: float = 0.0
    count: int | None = None
    """After how many events it leaves; None if it stays."""
    buffer: int = 64


@attrs.frozen
class Cancel:
    """One who ends the run early."""

    how: Literal["cancel", "scope", "leave", "drain"]
    at: float
    """When, in seconds; ends in an odd sixteenth, so nothing else happens at that moment."""
    grace: float = 0.0
    """For a drain: how many seconds running bodies get."""


@attrs.frozen
class Scene:
    """All of them."""

    reader: Reader = Reader()
    observers: tuple[Observer, ...] = ()
    cancel: Cancel | None = None


PAUSES = st.sampled_from([0.0, 0.0, 0.25, 3.0])
BUFFERS = st.sampled_from([1, 2, 3, 5, 64])
# Two who come at one moment would come in any order, so each kind has moments of its own.
ARRIVALS = st.integers(0, 200).map(lambda n: n / 8 + 1 / 32)
MOMENTS = (st.integers(0, 12) | st.integers(0, 100)).map(lambda n: n / 8 + 1 / 16)

PATIENCE = 1e6
"""More seconds than any body takes."""

readers = st.builds(
    Reader,
    st.sampled_from(["reads", "reads", "leaves", "asks for the state", "starts", "submits"]),
    PAUSES,
    st.integers(0, 20),
    BUFFERS,
)
observers = st.builds(
    Observer,
    st.just(0.0) | ARRIVALS,
    st.booleans(),
    PAUSES,
    st.none() | st.integers(0, 20),
    BUFFERS,
)
cancels = st.builds(
    Cancel,
    st.sampled_from(["cancel", "scope", "leave", "drain"]),
    MOMENTS,
    st.sampled_from([0.0, 1.0 + 1 / 32, PATIENCE]),
)


def scenes() -> st.SearchStrategy[Scene]:
    """Generate scenes in which nobody but a reader that leaves ends the run early."""
    return st.builds(Scene, readers, st.lists(observers, max_size=3).map(tuple))


def canceling_scenes() -> st.SearchStrategy[Scene]:
    """Generate scenes in which somebody ends the run early, if it is not over by then."""
    staying = readers.filter(lambda reader: reader.how != "leaves")
    scenes = st.builds(Scene, staying, st.lists(observers, max_size=2).map(tuple), cancels)
    return scenes.filter(_can_end)


def _can_end(scene: Scene) -> bool:
    """Tell whether what is canceled takes the run along."""
    assert scene.cancel is not None
    outside = {"submits": ("scope", "leave"), "starts": ("leave",)}
    return scene.cancel.how not in outside.get(scene.reader.how, ())

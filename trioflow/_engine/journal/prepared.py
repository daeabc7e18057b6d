"""Large outputs, written before the events that hold them happen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import trio

from trioflow._forms.form import Form
from trioflow._forms.slices import write_slices
from trioflow._value_refs import ValueRef
from trioflow.errors import FaultsError, NotSerializableError


@attrs.frozen(eq=False)
class Prepared:
    """A value that is written already."""

    form: Form
    value: Any
    pieces: Sequence[str]
    """Its JSON, in parts: joining a large string takes noticeable time."""
    refs: Sequence[ValueRef[Any]] = ()
    """The references in it."""

    def is_of(self, form: Form, value: Any) -> bool:
        """Return whether it is this very value, written by this form."""
        return value is self.value and form is self.form


async def write_in_slices(form: Form, value: Any, noted: list[ValueRef[Any]]) -> Prepared | None:
    """Write a value in slices of some milliseconds; None if it cannot be written like that.

    Concurrent changes to the value may be recorded or not.

    Args:
      noted: Where the references are that were written last, see `Forms.noted`.

    **Checkpoints**: always.
    """
    pieces: list[str] = []
    refs: list[ValueRef[Any]] = []
    try:
        for _ in _noting(write_slices(form, value, pieces), noted, refs):
            await trio.lowlevel.checkpoint()
    except (FaultsError, NotSerializableError, RecursionError):
        await trio.lowlevel.checkpoint()
        return None  # the immediate write finds out what is wrong, and where
    await trio.lowlevel.checkpoint()
    return Prepared(form, value, pieces, refs)


def _noting(
    slices: Iterator[None], noted: list[ValueRef[Any]], refs: list[ValueRef[Any]]
) -> Iterator[None]:
    """Collect the references of each slice. Other values are written between two slices."""
    is_done = False
    while not is_done:
        noted.clear()
        is_done = next(slices, True) is True
        refs += noted
        yield

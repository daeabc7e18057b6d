"""Large outputs, written before the events that hold them happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import trio

from trioflow._forms.form import Form
from trioflow._forms.slices import write_slices
from trioflow.errors import FaultsError, NotSerializableError


@attrs.frozen(eq=False)
class Prepared:
    """A value that is written already."""

    form: Form
    value: Any
    pieces: Sequence[str]
    """Its JSON, in parts: joining a large string takes noticeable time."""

    def is_of(self, form: Form, value: Any) -> bool:
        """Return whether it is this very value, written by this form."""
        return value is self.value and form is self.form


async def write_in_slices(form: Form, value: Any) -> Prepared | None:
    """Write a value in slices of some milliseconds; None if it cannot be written like that.

    Concurrent changes to the value may be recorded or not.

    **Checkpoints**: always.
    """
    pieces: list[str] = []
    try:
        for _ in write_slices(form, value, pieces):
            await trio.lowlevel.checkpoint()
    except (FaultsError, NotSerializableError, RecursionError):
        await trio.lowlevel.checkpoint()
        return None  # the immediate write finds out what is wrong, and where
    await trio.lowlevel.checkpoint()
    return Prepared(form, value, pieces)

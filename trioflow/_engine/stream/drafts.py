"""Quick creation of events by their class.

attrs sets each field of a frozen object through ``object.__setattr__``: 1.2 µs for an event of
twelve fields, and the three events of a step were half of the engine's work for it. A draft
has the slots of an event and no guard around them, so its fields are plain assignments, and
taking on the class of the event freezes it: 0.6 µs with an ``__init__`` that attrs has made.
"""

from __future__ import annotations

from typing import Any

import attrs

from trioflow import events as ev


class Drafts(dict[type[ev.Event], Any]):
    """A class for each class of events, with the same fields, for objects that take on the latter
    once they are made. Each is there when it is asked for."""

    def __missing__(self, event_type: type[ev.Event]) -> Any:
        own = {
            field.name: attrs.field(default=field.default)
            for field in attrs.fields(event_type)
            if not field.inherited
        }
        name, bases = f"{event_type.__name__}Draft", event_type.__bases__
        self[event_type] = draft = attrs.make_class(name, own, bases, slots=True, kw_only=True)
        return draft


DRAFTS = Drafts()

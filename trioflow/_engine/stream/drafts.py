"""Quick creation of events by their class.

Shortcut `event-by-class`; the plain twin is the class of the event, called with the same fields.
attrs sets each field of a frozen object through ``object.__setattr__``. A draft has the slots of an
event and no guard around them, so its fields are plain assignments, and taking on the class of the
event freezes it.
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

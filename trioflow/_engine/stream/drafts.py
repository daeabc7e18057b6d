"""Quick creation of events by class.

Shortcut `event-by-class`; the plain twin is the class of the event, called with the same fields.
attrs sets each field of a frozen object through ``object.__setattr__``. A draft has the slots of an
event but is not frozen, so its fields are plain assignments. Changing its class to that of the
event freezes it.
"""

from __future__ import annotations

from typing import Any

import attrs

from trioflow import events as ev


class Drafts(dict[type[ev.Event], Any]):
    """A draft class for each event class, created on first use.

    Drafts have the same fields, and take on the event class once they are filled.
    """

    def __missing__(self, event_type: type[ev.Event]) -> Any:
        own = {
            field.name: attrs.field(default=field.default)
            for field in attrs.fields(event_type)
            if not field.inherited
        }
        name, bases = f"{event_type.__name__}Draft", event_type.__bases__
        # Only its fields are ever used, and each method takes time to compile.
        only_fields: Any = {"repr": False, "eq": False, "match_args": False}
        draft = attrs.make_class(name, own, bases, slots=True, kw_only=True, **only_fields)
        self[event_type] = draft
        return draft


DRAFTS = Drafts()

"""The base classes that plugins subclass, and the values passed to them."""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow.abc._authenticator import (
        ALL_SCOPES,
        AccessRequest,
        AccessScope,
        Authenticator,
        Principal,
    )
    from trioflow.abc._codec import Codec
    from trioflow.abc._instrument import (
        BodyInfo,
        Instrument,
        PartInfo,
        SpanInfo,
        TraceIds,
        WorkReport,
    )
    from trioflow.abc._journal import Append, Entry, RunFilter, RunHeader, StoredRun, parse_cursor
    from trioflow.abc._places import PlaceRule, PlaceStore
    from trioflow.abc._request import MAX_REQUEST_BYTES, MAX_REQUESTS, Request, RequestKind
    from trioflow.abc._runner import Runner
    from trioflow.abc._schedules import (
        DAY,
        OPEN_DECISIONS,
        Decision,
        ScheduleStore,
        StoredSchedule,
        TickRecord,
    )
    from trioflow.abc._store import Store
    from trioflow.abc._value_store import StoredValue, ValueStore
    from trioflow.abc._work import DEFAULT_QUEUE, StoredOwner, StoredQueue, WorkStore

__all__ = [
    "ALL_SCOPES",
    "DAY",
    "DEFAULT_QUEUE",
    "MAX_REQUESTS",
    "MAX_REQUEST_BYTES",
    "OPEN_DECISIONS",
    "AccessRequest",
    "AccessScope",
    "Append",
    "Authenticator",
    "BodyInfo",
    "Codec",
    "Decision",
    "Entry",
    "Instrument",
    "PartInfo",
    "PlaceRule",
    "PlaceStore",
    "Principal",
    "Request",
    "RequestKind",
    "RunFilter",
    "RunHeader",
    "Runner",
    "ScheduleStore",
    "SpanInfo",
    "Store",
    "StoredOwner",
    "StoredQueue",
    "StoredRun",
    "StoredSchedule",
    "StoredValue",
    "TickRecord",
    "TraceIds",
    "ValueStore",
    "WorkReport",
    "WorkStore",
    "parse_cursor",
]

if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = lazy_names(
        __name__,
        {
            "ALL_SCOPES": "trioflow.abc._authenticator",
            "AccessRequest": "trioflow.abc._authenticator",
            "AccessScope": "trioflow.abc._authenticator",
            "Authenticator": "trioflow.abc._authenticator",
            "Principal": "trioflow.abc._authenticator",
            "MAX_REQUESTS": "trioflow.abc._request",
            "MAX_REQUEST_BYTES": "trioflow.abc._request",
            "Append": "trioflow.abc._journal",
            "BodyInfo": "trioflow.abc._instrument",
            "Codec": "trioflow.abc._codec",
            "DEFAULT_QUEUE": "trioflow.abc._work",
            "Entry": "trioflow.abc._journal",
            "Instrument": "trioflow.abc._instrument",
            "PartInfo": "trioflow.abc._instrument",
            "PlaceRule": "trioflow.abc._places",
            "PlaceStore": "trioflow.abc._places",
            "Request": "trioflow.abc._request",
            "RequestKind": "trioflow.abc._request",
            "RunFilter": "trioflow.abc._journal",
            "RunHeader": "trioflow.abc._journal",
            "Runner": "trioflow.abc._runner",
            **dict.fromkeys(
                (
                    "DAY",
                    "OPEN_DECISIONS",
                    "Decision",
                    "ScheduleStore",
                    "StoredSchedule",
                    "TickRecord",
                ),
                "trioflow.abc._schedules",
            ),
            "SpanInfo": "trioflow.abc._instrument",
            "Store": "trioflow.abc._store",
            "StoredOwner": "trioflow.abc._work",
            "StoredQueue": "trioflow.abc._work",
            "StoredRun": "trioflow.abc._journal",
            "StoredValue": "trioflow.abc._value_store",
            "TraceIds": "trioflow.abc._instrument",
            "ValueStore": "trioflow.abc._value_store",
            "WorkReport": "trioflow.abc._instrument",
            "WorkStore": "trioflow.abc._work",
            "parse_cursor": "trioflow.abc._journal",
        },
    )

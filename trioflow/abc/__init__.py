"""What authors of plugins subclass, and the values that they are given."""

from trioflow._public import publish
from trioflow.abc._codec import Codec
from trioflow.abc._instrument import BodyInfo, Instrument, PartInfo, TraceIds
from trioflow.abc._journal import (
    Append,
    Entry,
    RunFilter,
    RunHeader,
    StoredRun,
    parse_cursor,
)
from trioflow.abc._request import MAX_REQUEST_BYTES, MAX_REQUESTS, Request, RequestKind
from trioflow.abc._runner import Runner
from trioflow.abc._store import Store

__all__ = [
    "MAX_REQUESTS",
    "MAX_REQUEST_BYTES",
    "Append",
    "BodyInfo",
    "Codec",
    "Entry",
    "Instrument",
    "PartInfo",
    "Request",
    "RequestKind",
    "RunFilter",
    "RunHeader",
    "Runner",
    "Store",
    "StoredRun",
    "TraceIds",
    "parse_cursor",
]

publish(__name__, __all__, globals())

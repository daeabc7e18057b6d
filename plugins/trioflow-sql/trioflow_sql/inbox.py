"""Requests: saved for a run until an append removes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs
from sqlalchemy import Connection, bindparam, func, insert, select

from trioflow.abc import Request
from trioflow_sql.database import Database
from trioflow_sql.tables import requests, runs

ADDRESSEE = (
    select(runs.c.key, runs.c.status, runs.c.owner)
    .where(runs.c.run_id == bindparam("id"))
    # This lock makes concurrent posters wait, so that the ids of a run become visible in order.
    .with_for_update(key_share=True)
)
PENDING = select(func.count()).where(requests.c.run == bindparam("key"))
POST = insert(requests).returning(requests.c.id)
TAKE = (
    select(
        runs.c.run_id,
        requests.c.kind,
        requests.c.payload,
        requests.c.requested_by,
        requests.c.at,
        requests.c.id,
    )
    .join(runs, runs.c.key == requests.c.run)
    .where(runs.c.owner == bindparam("by"), requests.c.id > bindparam("after"))
    .order_by(requests.c.id)
    .limit(bindparam("most"))
)
TAKE_OF_SOME = TAKE.where(runs.c.run_id.in_(bindparam("ids", expanding=True)))


def post_request(database: Database, request: Request, connection: Connection) -> Request:
    """Save a request, and wake the owner that may take it.

    Raises:
      UnknownRunError, RunFinishedError, RequestRefusedError: if it is refused.
    """
    row: Any = connection.execute(ADDRESSEE, {"id": request.run_id}).one_or_none()
    key, status, owner = (None, None, None) if row is None else row
    pending = connection.execute(PENDING, {"key": key}).scalar_one()
    refusal = request.refusal(status, pending)
    if refusal is not None:
        raise refusal
    values = {
        "run": key,
        "kind": request.kind,
        "payload": request.payload,
        "requested_by": request.by,
        "at": request.at,
    }
    id: int = connection.execute(POST, values).scalar_one()
    database.notify(connection, owner)
    return attrs.evolve(request, id=id)


def take_requests(
    owner: str,
    run_ids: Collection[str] | None,
    after: int,
    limit: int,
    connection: Connection,
) -> list[Request]:
    """Return the pending requests for the runs that *owner* has claimed."""
    wanted: dict[str, Any] = {"by": owner, "after": after, "most": limit}
    if run_ids is None:
        rows = connection.execute(TAKE, wanted)
    else:
        rows = connection.execute(TAKE_OF_SOME, wanted | {"ids": list(run_ids)})
    return [
        Request(run_id=run_id, kind=kind, payload=payload, by=by, at=at, id=id)
        for run_id, kind, payload, by, at, id in rows
    ]

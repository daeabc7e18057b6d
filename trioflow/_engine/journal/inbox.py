"""What other processes request of a run, as the payloads of stored requests."""

from __future__ import annotations

import json
import math
import time
from typing import Any, Literal

import attrs

from trioflow._engine.journal.sealing import seal, unseal
from trioflow._engine.journal.writer import JournalWriter
from trioflow._engine.life.resuming import Answer
from trioflow._forms.form import MAX_DEPTH, content_of, tag_of, tagged
from trioflow.abc import Request
from trioflow.context import MISSING
from trioflow.errors import NotSerializableError
from trioflow.wire._plain import join


@attrs.frozen
class Cancel:
    """End the run as canceled."""

    kind: Literal["cancel"] = attrs.field(default="cancel", init=False)
    reason: str | None = None


@attrs.frozen
class Send:
    """Send the run a named event."""

    kind: Literal["event"] = attrs.field(default="event", init=False)
    name: str = ""
    data: Any = None


@attrs.frozen
class Resume:
    """Answer a step of the run."""

    kind: Literal["resume"] = attrs.field(default="resume", init=False)
    answer: Answer = attrs.field(factory=Answer)


@attrs.frozen
class Drain:
    """Start no further step, and end the run when its running steps have ended."""

    kind: Literal["drain"] = attrs.field(default="drain", init=False)
    grace: float = math.inf


SEALED = "sealed"
"""The tag of a payload that the engine's codec has encoded."""
Command = Cancel | Send | Resume | Drain


def to_request(run_id: str, command: Command, by: str | None, writer: JournalWriter) -> Request:
    """Return the stored form of a command.

    Raises:
      NotSerializableError: if it holds a value that has no JSON form.
    """
    try:
        plain = writer.forms.anything.dump(_payload(command), MAX_DEPTH)
        if writer.codec is not None:
            plain = tagged(SEALED, seal(json.dumps(plain), writer.codec))
    except NotSerializableError as exc:
        raise NotSerializableError(join(command.kind, exc.path), exc.problem, exc.remedy) from exc
    payload = json.dumps(plain, separators=(",", ":"), allow_nan=False)
    return Request(run_id=run_id, kind=command.kind, payload=payload, by=by, at=time.time())


def _payload(command: Command) -> dict[str, Any]:
    match command:
        case Cancel(reason=reason):
            return {"reason": reason}
        case Send(name=name, data=data):
            return {"name": name, "data": data}
        case Resume(answer=answer):
            steps = answer.step if isinstance(answer.step, str | None) else list(answer.step)
            given = {**attrs.asdict(answer, recurse=False), "step": steps}
            return {name: value for name, value in given.items() if value is not MISSING}
        case Drain(grace=grace):
            return {"grace": None if math.isinf(grace) else grace}


def from_request(request: Request, writer: JournalWriter) -> Command:
    """Return the command that a request holds.

    Raises:
      ValueError, TypeError, KeyError, FaultsError: if another version has written it, or if it is
        damaged.
    """
    plain = json.loads(request.payload)
    if tag_of(plain) == SEALED:
        plain = unseal(content_of(plain), writer.codec)
    payload = writer.forms.anything.load(plain)
    match request.kind:
        case "cancel":
            return Cancel(reason=payload["reason"])
        case "event":
            return Send(name=payload["name"], data=payload["data"])
        case "resume":
            return Resume(Answer(**payload))
        case "drain":
            grace = payload["grace"]
            return Drain(grace=math.inf if grace is None else grace)

"""The description of a place for a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from trioflow.events import RunStatus
from trioflow.testing._isolation.bodies import Flow
from trioflow.testing._isolation.stage import Stage


@attrs.frozen
class Place:
    """A workflow that contains the value."""

    build: Callable[[Stage, Flow, Any], Flow]
    """Takes a workflow without nodes, and the value."""
    without_store: RunStatus = "success"
    """The status of the run if nothing is written."""
    in_store: RunStatus = "failed"
    """The status of a durable run."""
    event: bool = False
    """Whether it waits for the event ``"event"``, from whose data a hook makes the value."""

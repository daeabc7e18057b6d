"""What a place is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from trioflow.events import RunStatus
from trioflow.testing._isolation.bodies import Flow
from trioflow.testing._isolation.stage import Stage


@attrs.frozen
class Place:
    """A workflow with the value somewhere in it."""

    build: Callable[[Stage, Flow, Any], Flow]
    """Takes a workflow without nodes, and the value."""
    without_store: RunStatus = "success"
    """How the run ends where nothing is written. In a durable one it fails."""
    event: bool = False
    """Whether it waits for the event ``"event"``, whose data a hook makes the value of."""

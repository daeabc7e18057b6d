"""Drive a run for as long as one of its streams is read."""

from __future__ import annotations

import trio

from trioflow._engine.life.driving import drive
from trioflow._engine.life.due import continue_due, wait_due
from trioflow._engine.life.life import Life
from trioflow._phases import Phase


async def drive_open(life: Life) -> None:
    """Drive part after part until the run has finished, waiting through suspensions."""
    life.is_left = False
    try:
        while True:
            # Set before the run is at rest, so that an immediate answer finds it.
            parked = life.parked = None if life.close_on_suspend else trio.Event()
            await drive(life)
            if parked is None:
                return
            if not parked.is_set():  # otherwise an answer came before this task had its turn
                if life.phase is not Phase.WAITING:
                    return
                if await wait_due(life, parked) and await continue_due(life):
                    continue
                await parked.wait()
            if life.is_left and life.result is not None:
                return
    finally:
        life.parked = None


def leave(life: Life, part: int) -> None:
    """End the task that drives the run: the run is canceled, or stays suspended.

    Args:
      part: The first part of the run that the task drove. If the run has suspended since, a later
        part has another driver and is not canceled.
    """
    life.is_left = True
    if life.result is None and (life.parked is not None or part == life.part):
        life.core.cancel("its stream was left")
    elif life.result is not None and life.parked is not None:
        life.parked.set()

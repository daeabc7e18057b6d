"""The testing kit: check, record and stress workflows.

`trioflow.testing.strategies` generates workflows, inputs and event logs with Hypothesis; it
is a module of its own, so that the rest of the kit needs nothing but trioflow.
"""

from typing import TYPE_CHECKING

from trioflow.lazy import lazy_names

if TYPE_CHECKING:
    from trioflow.instruments.tasks import dump
    from trioflow.testing.blocks import BlockedLoopWarning, warn_of_blocks
    from trioflow.testing.bodies import BodyContractError, check_step, check_tool
    from trioflow.testing.cancel import fuzz_cancel
    from trioflow.testing.clock import VirtualClock
    from trioflow.testing.faults import EventOrderError
    from trioflow.testing.grammar import check_events
    from trioflow.testing.leaks import assert_no_leaks
    from trioflow.testing.recorder import Recorder
    from trioflow.testing.recording import record
    from trioflow.testing.runners import RunnerContractError, check_runner
    from trioflow.testing.stores import StoreContractError, check_store

__all__ = [
    "BlockedLoopWarning",
    "BodyContractError",
    "EventOrderError",
    "Recorder",
    "RunnerContractError",
    "StoreContractError",
    "VirtualClock",
    "assert_no_leaks",
    "check_events",
    "check_runner",
    "check_step",
    "check_store",
    "check_tool",
    "dump",
    "fuzz_cancel",
    "record",
    "warn_of_blocks",
]

if not TYPE_CHECKING:  # or type checkers would believe in every name
    __getattr__ = lazy_names(
        __name__,
        {
            "BlockedLoopWarning": "trioflow.testing.blocks",
            "BodyContractError": "trioflow.testing.bodies",
            "EventOrderError": "trioflow.testing.faults",
            "Recorder": "trioflow.testing.recorder",
            "RunnerContractError": "trioflow.testing.runners",
            "StoreContractError": "trioflow.testing.stores",
            "VirtualClock": "trioflow.testing.clock",
            "assert_no_leaks": "trioflow.testing.leaks",
            "check_events": "trioflow.testing.grammar",
            "check_runner": "trioflow.testing.runners",
            "check_step": "trioflow.testing.bodies",
            "check_store": "trioflow.testing.stores",
            "dump": "trioflow.instruments.tasks",
            "check_tool": "trioflow.testing.bodies",
            "fuzz_cancel": "trioflow.testing.cancel",
            "record": "trioflow.testing.recording",
            "warn_of_blocks": "trioflow.testing.blocks",
        },
    )

"""The testing kit: checks, recorders and stress tests for steps, workflows and plugins.

================================== ==========================================================
`check_step`, `check_tool`         check steps and tools for common mistakes
`check_store`, `check_runner`      check the stores and runners of plugins
`check_value_store`                checks the value stores of plugins
`check_converter`, `TypeExamples`  check plugins that read, write and describe types
`check_isolation`                  check that no run can affect another run on a store
`check_events`, `record`           check the order of a run's events; record the events
`fuzz_cancel`                      cancel a workflow at every point, and check the outcome
`assert_no_leaks`                  check that no task, channel or thread outlives a block
`VirtualClock`, `Recorder`         a clock without real sleeping; the events of all runs
`dump`                             show what each task of a run waits for
================================== ==========================================================

The checks of bodies and converters and `fuzz_cancel` call `trio.run` themselves, so call them
from a plain ``def``; call the others from async tests. Installing trioflow also adds these pytest
fixtures: ``trioflow_engine`` (with ``trioflow_options`` and ``trioflow_block_seconds``),
``trioflow_recorder`` and ``virtual_clock``; ``pytest --fixtures`` describes them.
``-p no:trioflow`` turns them off.

`trioflow.testing.strategies` generates workflows, inputs and event logs with Hypothesis. It is
a separate module, so that the rest of the kit needs only trioflow. `check_converter` also needs
jsonschema, which comes with the extra ``trioflow[testing]``.
"""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow.instruments._tasks import dump
    from trioflow.testing._blocks import BlockedLoopWarning, warn_of_blocks
    from trioflow.testing._bodies import BodyContractError, check_step, check_tool
    from trioflow.testing._cancel import fuzz_cancel
    from trioflow.testing._clock import VirtualClock
    from trioflow.testing._converters import ConverterContractError, TypeExamples, check_converter
    from trioflow.testing._faults import EventOrderError
    from trioflow.testing._grammar import check_events
    from trioflow.testing._isolation import check_isolation
    from trioflow.testing._leaks import assert_no_leaks
    from trioflow.testing._recorder import Recorder
    from trioflow.testing._recording import record
    from trioflow.testing._runners import RunnerContractError, check_runner
    from trioflow.testing._stores import StoreContractError, check_store
    from trioflow.testing._value_stores import check_value_store

__all__ = [
    "BlockedLoopWarning",
    "BodyContractError",
    "ConverterContractError",
    "EventOrderError",
    "Recorder",
    "RunnerContractError",
    "StoreContractError",
    "TypeExamples",
    "VirtualClock",
    "assert_no_leaks",
    "check_converter",
    "check_events",
    "check_isolation",
    "check_runner",
    "check_step",
    "check_store",
    "check_tool",
    "check_value_store",
    "dump",
    "fuzz_cancel",
    "record",
    "warn_of_blocks",
]

if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = lazy_names(
        __name__,
        {
            "BlockedLoopWarning": "trioflow.testing._blocks",
            "BodyContractError": "trioflow.testing._bodies",
            "ConverterContractError": "trioflow.testing._converters",
            "EventOrderError": "trioflow.testing._faults",
            "Recorder": "trioflow.testing._recorder",
            "RunnerContractError": "trioflow.testing._runners",
            "StoreContractError": "trioflow.testing._stores",
            "TypeExamples": "trioflow.testing._converters",
            "VirtualClock": "trioflow.testing._clock",
            "assert_no_leaks": "trioflow.testing._leaks",
            "check_converter": "trioflow.testing._converters",
            "check_events": "trioflow.testing._grammar",
            "check_isolation": "trioflow.testing._isolation",
            "check_runner": "trioflow.testing._runners",
            "check_step": "trioflow.testing._bodies",
            "check_store": "trioflow.testing._stores",
            "dump": "trioflow.instruments._tasks",
            "check_tool": "trioflow.testing._bodies",
            "check_value_store": "trioflow.testing._value_stores",
            "fuzz_cancel": "trioflow.testing._cancel",
            "record": "trioflow.testing._recording",
            "warn_of_blocks": "trioflow.testing._blocks",
        },
    )

"""Whether the state machine for stores finds a fault by trying what comes."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from trioflow.abc import Store
from trioflow.testing.strategies import store_machine

# Faults are met after some hundred examples, so with this many luck has no say. The examples are
# the same each time only in the same program: Hypothesis also tries constants of loaded modules.
EXAMPLES = settings(max_examples=20_000, derandomize=True, database=None, phases=[Phase.generate])


def drive_by_chance(make_store: Callable[[], Store]) -> None:
    """Drive a new store in each example, since what is left in an old one changes the next."""
    base = store_machine(make_store)

    def set_up(self: RuleBasedStateMachine) -> None:
        shared = make_store()
        vars(self)["open_store"] = lambda: shared
        base.__init__(self)

    run_state_machine_as_test(type("Machine", (base,), {"__init__": set_up}), settings=EXAMPLES)

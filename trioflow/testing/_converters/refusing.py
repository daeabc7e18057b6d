"""Promises about refusing: nothing is coerced or dropped, and faults have paths."""

from __future__ import annotations

from trioflow._values.structure import type_name
from trioflow.testing._converters.bench import Bench, Promise, Refused, Taken, Trial
from trioflow.testing._converters.each import of_each_trial
from trioflow.testing._converters.values import lost, shortened


def nothing_is_coerced(trial: Trial) -> None:
    """Check that accepted JSON is written back unchanged."""
    if isinstance(trial.outcome, Refused) or _kind(trial) == "unknown key":
        return
    place = lost(trial.json, trial.written, trial.forms)
    if place is not None:
        raise AssertionError(f"{trial} is accepted, but changed at {place} when it is written")


def unknown_keys_are_refused(trial: Trial) -> None:
    """Check that an unknown key is a fault, or kept if the type accepts unknown keys."""
    if isinstance(trial.outcome, Refused) or _kind(trial) != "unknown key":
        return
    place = lost(trial.json, trial.written, trial.forms)
    if place is not None:
        raise AssertionError(f"{trial} is accepted, but {place} is lost when it is written")


def faults_lead_to_their_place(trial: Trial) -> None:
    """Check the paths of the faults of a value with one difference."""
    if isinstance(trial.outcome, Taken) or trial.variant is None:
        return
    if not trial.outcome.faults:
        raise AssertionError(f"{trial} is refused without a fault")
    for fault in trial.outcome.faults:
        if not trial.variant.leads_here(fault.path):
            place = "".join(f"[{step!r}]" for step in trial.variant.place)
            raise AssertionError(f"{trial} differs at {place}, but has the fault {fault}")


def _kind(trial: Trial) -> str:
    return "" if trial.variant is None else trial.variant.kind


def what_does_not_fit_is_refused(bench: Bench) -> None:
    """Check values that the author says do not fit, with all their faults."""
    for each in bench.types:
        for given, faults in each.refusals():
            outcome = bench.read(each.type, given)
            what = f"{shortened(given)} for {type_name(each.type)}"
            if isinstance(outcome, Taken):
                raise AssertionError(f"{what} is accepted and becomes {shortened(outcome.value)}")
            if not are_told(faults, outcome):
                wanted = "; ".join(faults)
                raise AssertionError(f"{what}: expected the faults {wanted}, got {outcome}")


def are_told(faults: tuple[str, ...], outcome: Refused) -> bool:
    """Return whether exactly these faults are found, each by its path or its whole message."""
    found = list(outcome.faults)
    for wanted in faults:
        match = [fault for fault in found if wanted in (str(fault), fault.path or "value")]
        if not match:
            return False
        found.remove(match[0])
    return not found


PROMISES = (
    Promise("an unfitting value is refused with all its faults", what_does_not_fit_is_refused),
    Promise("faults have the correct paths", of_each_trial(faults_lead_to_their_place)),
    Promise("nothing is coerced", of_each_trial(nothing_is_coerced)),
    Promise("unknown keys are refused or kept", of_each_trial(unknown_keys_are_refused)),
)

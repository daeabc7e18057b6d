"""What was observed: the rules that say how a case must behave that deviates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .build import Case
from .compare import compare
from .contents import ANSWERS, STARTS, actions, inside, raised

Observed = Mapping[str, Any]


def _events(observed: Observed) -> Iterator[Mapping[str, Any]]:
    for stream in observed.get("streams", {}).values():
        yield from stream["events"]


def _ends(observed: Observed, status: str) -> Iterator[Mapping[str, Any]]:
    """Yield the payloads of the step results of that status."""
    for event in _events(observed):
        if event["type"].endswith("step-result") and event["payload"]["status"] == status:
            yield event["payload"]


def _results(observed: Observed) -> list[Mapping[str, Any]]:
    return list(observed.get("results", {}).values())


def _message(result: Mapping[str, Any]) -> str | None:
    error = result.get("$rejected") or result.get("error") or {}
    message: str | None = error.get("$error", {}).get("message")
    return message


def _fails_with_a_raised_text(case: Case, observed: Observed) -> bool:
    return any(_message(result) in set(raised(case)) for result in _results(observed))


def _bails_end_their_workflow(case: Case, observed: Observed) -> bool:
    bails = list(_ends(observed, "bailed"))
    return bool(bails) and all(_is_output_of_outer(bail, observed) for bail in bails)


def _is_output_of_outer(bail: Mapping[str, Any], observed: Observed) -> bool:
    outer = bail["id"].rpartition(".")[0]
    if not outer:
        wholes = _results(observed)
        outputs = [result.get("result") for result in wholes]
    else:
        wholes = [end for status in ("success", "failed") for end in _ends(observed, status)]
        wholes = [end for end in wholes if end["id"] == outer]
        outputs = [end.get("output") for end in wholes]
    has_failed = any(whole["status"] == "failed" for whole in wholes)
    return has_failed or bail["output"] in outputs


def _further_starts_raise(case: Case, observed: Observed) -> bool:
    seen: set[str] = set()
    errors = {error["index"]: error["error"]["$error"] for error in observed["actionErrors"]}
    for index, action in actions(case, *STARTS):
        name = action.get("run", "run")
        if name in seen and errors.get(index, {}).get("name") != "RunAlreadyStartedError":
            return False
        seen.add(name)
    return True


def _starting_raises(case: Case, observed: Observed) -> bool:
    rejected = [result for result in case["expected"]["results"].values() if "$rejected" in result]
    messages = {_message(result) for result in _results(observed)}
    was_told = all(_message(result) in messages for result in rejected)
    return bool(rejected) and was_told and not observed["calls"] and not observed["journal"]


def _a_mapping_fails(case: Case, observed: Observed) -> bool:
    messages = [_message(end) or "" for end in _ends(observed, "failed")]
    words = ("Invalid path", "Template placeholder")
    return any(message.startswith(words) for message in messages)


def _nothing_is_refused(case: Case, observed: Observed) -> bool:
    finished = all(result["status"] == "success" for result in _results(observed))
    return "build" not in observed and not observed["actionErrors"] and finished


def _result_is_input(case: Case, observed: Observed) -> bool:
    return all(result["result"] == result["input"] for result in _results(observed))


def _events_are_taken(case: Case, observed: Observed) -> bool:
    taken = [event for event in _events(observed) if "resumePayload" in event.get("payload", {})]
    sent = [action.get("data") for _, action in actions(case, "sendEvent")]
    return bool(taken) and all(event["payload"]["resumePayload"] in sent for event in taken)


def _refuses_no_list(case: Case, observed: Observed) -> bool:
    messages = [_message(end) or "" for end in _ends(observed, "failed")]
    return any("expected list" in message for message in messages)


def _same_but_for_effects(case: Case, observed: Observed) -> bool:
    return not compare(case, dict(observed), effects=False)


def _state_has_all_keys(case: Case, observed: Observed) -> bool:
    updates = [found["value"] for found in inside(case["defs"]) if found.get("op") == "setState"]
    keys = {key for update in updates for key in update.get("obj", {})}
    states = [result.get("state", {}) for result in _results(observed)]
    return all(keys <= state.keys() for state in states)


def _observers_see_all(case: Case, observed: Observed) -> bool:
    streams = [stream["events"] for stream in observed["streams"].values()]
    whole = all(
        events and events[0]["type"].endswith("start") and events[-1]["type"].endswith("finish")
        for events in streams
    )
    return whole and all(events == streams[0] for events in streams)


def _ends_canceled(case: Case, observed: Observed) -> bool:
    types = [
        [event["type"].removeprefix("workflow-") for event in stream["events"]]
        for stream in observed["streams"].values()
    ]
    told = all(
        ends[-2:] == ["canceled", "finish"] and ends.count("canceled") == 1 for ends in types
    )
    calls, most = observed["calls"], case["expected"]["calls"]
    nothing_more = all(count <= most.get(id, 0) for id, count in calls.items())
    canceled = all(result.get("status") == "canceled" for result in _results(observed))
    return told and nothing_more and canceled


def _a_label_is_refused(case: Case, observed: Observed) -> bool:
    wanted = [repr(action["label"]) for _, action in actions(case, *ANSWERS) if "label" in action]
    refused = [result.get("$rejected", {}).get("$error", {}) for result in _results(observed)]
    messages = [e["message"] for e in refused if e.get("name") == "NotSuspendedError"]
    return any(f"label {label}" in message for label in wanted for message in messages)


BEHAVES: dict[str, Callable[[Case, Observed], bool]] = {
    "the_run_fails_with_what_a_condition_raised": _fails_with_a_raised_text,
    "the_workflow_of_a_bail_ends_with_its_value": _bails_end_their_workflow,
    "further_starts_raise": _further_starts_raise,
    "starting_raises_and_nothing_runs": _starting_raises,
    "a_mapping_fails_because_its_source_leads_nowhere": _a_mapping_fails,
    "nothing_is_refused": _nothing_is_refused,
    "the_result_is_the_input": _result_is_input,
    "building_is_refused": lambda case, observed: "build" in observed,
    "every_event_that_was_sent_is_taken": _events_are_taken,
    "a_foreach_refuses_what_is_no_list": _refuses_no_list,
    "events_and_results_are_the_same": _same_but_for_effects,
    "the_state_has_all_keys_that_were_set": _state_has_all_keys,
    "observers_see_what_the_reader_sees": _observers_see_all,
    "a_label_that_nobody_gave_is_refused": _a_label_is_refused,
    "the_run_ends_canceled_at_once": _ends_canceled,
}

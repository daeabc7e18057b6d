"""What was observed: the rules that say how a case must behave that deviates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .build import Case
from .compare import compare
from .contents import ANSWERS, STARTS, TRAVELS, actions, inside, raised

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
    results = observed.get("results", {}).items()
    return [result for name, result in results if not name.endswith(":first")]


def _statuses(observed: Observed) -> list[str]:
    return [result["status"] for result in _results(observed) if "status" in result]


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
    canceled = set(_statuses(observed)) == {"canceled"}
    return told and nothing_more and canceled


def _a_label_is_refused(case: Case, observed: Observed) -> bool:
    wanted = [repr(action["label"]) for _, action in actions(case, *ANSWERS) if "label" in action]
    refused = [result.get("$rejected", {}).get("$error", {}) for result in _results(observed)]
    messages = [e["message"] for e in refused if e.get("name") == "NotSuspendedError"]
    return any(f"label {label}" in message for label in wanted for message in messages)


def _refusals(observed: Observed) -> list[Mapping[str, Any]]:
    rejected = (result.get("$rejected", {}) for result in _results(observed))
    return [refusal["$error"] for refusal in rejected if refusal]


def _pauses_behind_nodes(case: Case, observed: Observed) -> bool:
    is_last = len(case["workflow"]["graph"]) == 1
    first = next(
        observed["results"][action.get("as", "main")]
        for _, action in actions(case, *STARTS)
        if action.get("opts", {}).get("perStep")
    )
    ended = {"success", "bailed", "failed", "suspended"}
    went_on = all(record["status"] in ended for id, record in _records(first))
    return went_on and not _refusals(observed) and first["status"] in _EXPECTED[is_last]


_EXPECTED = {True: ("success", "failed", "suspended"), False: ("paused", "failed", "suspended")}


def _records(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((id, record) for id, record in result.get("steps", {}).items() if id != "input")


def _travel_input_is_the_steps(case: Case, observed: Observed) -> bool:
    for _, action in actions(case, *TRAVELS):
        result = observed["results"][action.get("as", "timeTravel")]
        path = action["step"].split(".") if isinstance(action["step"], str) else action["step"]
        if "input" in action and len(path) == 1:
            record = result.get("steps", {}).get(path[0], {})
            if record.get("payload") != action["input"]:
                return False
    return _same_statuses(case, observed)


def _same_statuses(case: Case, observed: Observed) -> bool:
    return all(
        observed["results"].get(name, {}).get("status") == result.get("status")
        for name, result in case["expected"]["results"].items()
    )


def _same_outcomes(case: Case, observed: Observed) -> bool:
    return _same_statuses(case, observed) and all(
        observed["results"][name].get("result") == result.get("result")
        for name, result in case["expected"]["results"].items()
    )


def _same_but_for_values(case: Case, observed: Observed) -> bool:
    same_calls: bool = observed["calls"] == case["expected"]["calls"]
    return same_calls and _same_statuses(case, observed)


def _is_refused_as(*names: str) -> Callable[[Case, Observed], bool]:
    return lambda case, observed: any(e.get("name") in names for e in _refusals(observed))


def _no_stream_is_opened(case: Case, observed: Observed) -> bool:
    rejected = {
        name: result
        for name, result in case["expected"]["results"].items()
        if "$rejected" in result and name in case["expected"]["streams"]
    }
    return bool(rejected) and all(
        name not in observed["streams"]
        and _message(observed["results"].get(name, {})) == _message(result)
        for name, result in rejected.items()
    )


def _no_hook_before_the_end(case: Case, observed: Observed) -> bool:
    statuses = [entry.get("status") for entry in observed["journal"] if "hook" in entry]
    return bool(statuses) and not {"suspended", "paused"} & set(statuses)


def _lists_are_complete(case: Case, observed: Observed) -> bool:
    lists = [
        (record["payload"], record["output"])
        for result in _results(observed)
        for _, record in _records(result)
        if record["status"] == "success" and isinstance(record["payload"], list)
    ]
    return all(
        len(output) == len(items) for items, output in lists if isinstance(output, list)
    ) and ("failed" not in _statuses(observed) or _same_statuses(case, observed))


def _nothing_is_called_more_often(case: Case, observed: Observed) -> bool:
    most = case["expected"]["calls"]
    return all(count <= most.get(id, 0) for id, count in observed["calls"].items())


def _answers_are_taken(case: Case, observed: Observed) -> bool:
    return not _refusals(observed) and set(_statuses(observed)) == {"success"}


def _open_stream_ends_as_the_run(case: Case, observed: Observed) -> bool:
    results = observed["results"]
    last = [results[action.get("as", "resume")] for _, action in actions(case, *ANSWERS)][-1:]
    return bool(last) and last[0] == results["main"]


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
    "it_pauses_behind_each_node_but_the_last": _pauses_behind_nodes,
    "the_step_begins_with_the_input": _travel_input_is_the_steps,
    "results_are_the_same": _same_outcomes,
    "calls_are_the_same": _same_but_for_values,
    "it_is_refused_as_not_settled": _is_refused_as("NotResumableError"),
    "an_answer_is_refused": _is_refused_as("NotSuspendedError"),
    "it_is_refused_as_unknown": _is_refused_as("UnknownStepError"),
    "no_stream_is_opened_for_what_is_refused": _no_stream_is_opened,
    "no_hook_is_called_before_the_end": _no_hook_before_the_end,
    "outputs_have_all_items": _lists_are_complete,
    "nothing_is_called_more_often": _nothing_is_called_more_often,
    "all_answers_are_taken": _answers_are_taken,
    "the_stream_tells_the_end_of_the_run": _open_stream_ends_as_the_run,
    "the_run_ends_canceled_at_once": _ends_canceled,
}

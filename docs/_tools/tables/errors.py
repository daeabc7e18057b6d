"""All errors: when each is raised, what it says, and what to do."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from _tools.tables import as_markdown
from trioflow import errors as module

FAULTS = (module.Fault("amount", "expected int, received str", "int", "str"),)
SAMPLES: Mapping[str, Any] = {
    "where": "step 'fetch'",
    "problem": "timeout is 'soon'",
    "remedy": "give it seconds > 0, a timedelta, or None",
    "step": "charge",
    "workflow": "order",
    "known": ("charge_card", "ship"),
    "kind": "limit",
    "name": "gpu",
    "resource": "http",
    "expected": "httpx.AsyncClient",
    "received": "NoneType",
    "faults": FAULTS,
    "what": "input",
    "owner": "step 'charge'",
    "source": "step 'charge'",
    "path": "output.file",
    "text": "2:a//0",
    "at": 4,
    "event": "paid",
    "seconds": 5.0,
    "key": "boss",
    "label": "boss",
    "run_id": "order-7",
    "status": "success",
    "wanted": "step 'charge'",
    "available": ("approve",),
    "candidates": ("approve[0]", "approve[1]"),
    "value": "",
    "deadline": 1767225600.0,
    "paths": (("approve",),),
    "first_available": 1024,
    "limit": 1000,
    "store": "sqlite:runs.db",
    "seq": 12,
    "stored": '{"amount": "5"}',
    "difference": "step 1 was 'charge' and is 'ship'",
    "crashes": 3,
    "runner": "<OneThread>",
    "plugin": "greetings",
    "distribution": "trioflow-greetings 1.0",
    "reason": "the order is out of stock",
    "asyncio": True,
}
OF_CLASS: Mapping[str, Mapping[str, Any]] = {
    "UnknownOptionError": {
        "problem": "there is no option 'retries'",
        "remedy": "did you mean 'retry'?",
    },
    "MappingError": {"path": "city.name", "problem": "Order has no 'city'"},
    "NotSerializableError": {"problem": "is a TextIOWrapper, which has no JSON form"},
    "WireFormatError": {"problem": "it has no 'type'"},
    "InvalidAddressError": {"problem": "expected a step, an iteration or an item"},
    "AskMismatchError": {"problem": "another payload is recorded"},
    "AskLabelError": {"problem": "another question of this call has the same label"},
    "NotInTrioError": {"what": "an engine was opened"},
    "RunStateError": {"status": "pending", "problem": "there is nothing to drain"},
    "RunAlreadyStartedError": {"status": "running", "problem": "create a new run"},
    "RunFinishedError": {"problem": "it takes no events"},
    "NotResumableError": {"problem": "it is not suspended"},
    "InvalidIdError": {"what": "run id", "problem": "is empty"},
    "UnreadableRunError": {"where": "output of step 'charge'", "wanted": "Receipt"},
    "StoreError": {"problem": "database is locked"},
    "StoreMissingError": {"problem": "there is no runs.db"},
    "UnreadableScheduleError": {"problem": "its zone 'Mars/Base' is not known here"},
    "ValueStoreError": {"problem": "the folder does not exist"},
    "MissingValueError": {"store": "FolderValues('values')", "key": "r/7"},
    "DamagedValueError": {"store": "FolderValues('values')", "key": "r/7",
                          "problem": "its 7 bytes are not the 9 that were written"},
    "JournalConflictError": {"problem": "another process has written to it"},
    "JournalFormatError": {"problem": "'at' is missing"},
    "RunClaimedError": {"owner": "host:4711"},
    "RequestRefusedError": {"kind": "event", "problem": "the store refuses it"},
    "InboxFullError": {"kind": "event", "problem": "1000 requests are pending; try again later"},
    "RequestTooLargeError": {
        "kind": "answer",
        "problem": "it has 2,000,000 bytes, more than 1,048,576; store it and send its key",
    },
    "PluginError": {"problem": "it provides a step that is no Step", "remedy": "use @step"},
    "PluginImportError": {"problem": "cannot be imported: No module named 'greets'",
                          "remedy": "fix the entry point, or uninstall it"},
    "PluginHookError": {"problem": "has no hook 'trioflow_stepps'",
                        "remedy": "did you mean 'trioflow_steps'?"},
    "DuplicateIdError": {"problem": "step 'greet' is already provided by 'hello'",
                         "remedy": "rename one, or block one of the plugins"},
    "UnknownPluginError": {"problem": "is not installed", "remedy": "known: files, sql"},
}  # fmt: skip
"""What differs from the samples for one class."""
REMEDIES: Mapping[str, str] = {
    "TrioflowError": "Catch it to catch every error of trioflow, and none of your own code.",
    "DefinitionError": "Correct the definition; the message names it, and says what fits.",
    "UnknownOptionError": "Correct the spelling, or read the signature in the API reference.",
    "UnknownStepError": "Install the plugin that provides the step, or pass it to `open_engine`.",
    "UnknownNameError": "Install what provides the name, or pass it to `open_engine`.",
    "ResourceTypeError": "Ask for the type that is opened under this name.",
    "FaultsError": "Raise it in structure hooks; trioflow turns it into InvalidValueError.",
    "InvalidValueError": "Correct the value where it comes from; the paths say which parts.",
    "MappingError": "Correct the path, or give a function as the source.",
    "NoResultError": "Pass a default, or ask only for steps that have run before.",
    "NotSerializableError": "Pass a value with a JSON form, or register an unstructure hook.",
    "WireFormatError": "Pass what `to_wire` has written.",
    "InvalidAddressError": "Pass an address as events have it.",
    "NonRetryableError": "Correct what it reports, then `retry` the run.",
    "Tripwire": "None: the input or the output was refused. Start a run with another one.",
    "StepTimeoutError": "Give the step more time, or more attempts.",
    "RunnerFailedError": "Look at the cause; retry it with `on=(RunnerFailedError,)`.",
    "EventTimeoutError": "Send the event in time, or wait longer.",
    "AskTimeoutError": "Catch it in the step and decide without an answer, or allow more time.",
    "AskMismatchError": "Ask the same questions in the same order each time the body runs.",
    "AskLabelError": "Give each question of a call its own label.",
    "StepClosedError": "Use the context only inside the body; start no task that outlives it.",
    "NotInTrioError": "Call it inside `trio.run`, or see [asyncio](../howto/asyncio.md).",
    "RunStateError": "See [what can be done](../concepts/status.md) in each status.",
    "RunAlreadyStartedError": "Create a new run: a run starts once.",
    "RunFinishedError": "None: the run has its final status. Start a new run, or fork this one.",
    "NotResumableError": "See [what can be done](../concepts/status.md) in each status.",
    "NotSuspendedError": "Answer one of the suspended steps that the message lists.",
    "AmbiguousResumeError": "Say which one with `step=`, `label=` or `index=`.",
    "InvalidIdError": "Use short strings of ordinary characters.",
    "DuplicateRunError": "Choose another id, or attach to the existing run.",
    "UnknownRunError": "Load the run from the store, or check its id.",
    "RunCanceledError": "None: somebody canceled the run. `retry` repeats what was canceled.",
    "RunTimeoutError": "Give the run a longer `timeout`, then `retry` it.",
    "RunSuspendedError": "Answer it with `resume`.",
    "HistoryGap": "Read on from the `seq` in the message, or open the engine with a store.",
    "MailboxFullError": "Check the name of the event: no step takes it.",
    "StoreError": "If it is transient, try again. Otherwise repair the database.",
    "StoreMissingError": "Check the URL of the store.",
    "ValueStoreError": "If it is transient, try again. Otherwise repair the folder or the bucket.",
    "MissingValueError": "Keep the run that has put the value, or put it again.",
    "DamagedValueError": "Restore the object from a backup, or `fork` the run at the step before.",
    "NoValueStoreError": "Pass `values=` to `open_engine`.",
    "JournalConflictError": "Load the run again: another process drives it.",
    "JournalFormatError": "Use a version of trioflow that reads it; or cancel or delete the run.",
    "UnreadableRunError": "Make the type accept the value again; "
    "see [Change a workflow](../howto/change.md).",
    "UnreadableScheduleError": "Install `tzdata`, or use the version that has written it.",
    "WorkflowChangedError": "Continue with the old workflow, or fork before the change.",
    "CrashLoopError": "Find out what kills the process, then `retry` the run.",
    "RunClaimedError": "Use the method of the engine that the message names, or wait.",
    "RequestRefusedError": "See the message.",
    "InboxFullError": "Try again later.",
    "RequestTooLargeError": "Store the data elsewhere, and send its key.",
    "PluginError": "Do what the message says, or disable the plugin.",
    "PluginImportError": "Repair or uninstall the plugin, or disable it.",
    "PluginHookError": "Correct the hook of the plugin.",
    "DuplicateIdError": "Rename one of the two, or block one plugin.",
    "UnknownPluginError": "Install the plugin, or correct its name.",
}


def classes() -> Iterator[type[module.TrioflowError]]:
    """Return all public error classes, in the order of their definition."""
    for found in vars(module).values():
        if inspect.isclass(found) and issubclass(found, module.TrioflowError):
            yield found


def sample(cls: type[module.TrioflowError]) -> str | None:
    """Return a message of the class; None if users write it themselves."""
    if not attrs.has(cls):
        return None
    own = OF_CLASS.get(cls.__name__, {})
    values = {
        field.name: own.get(field.name, SAMPLES.get(field.name, "..."))
        for field in attrs.fields(cls)
        if field.default is attrs.NOTHING or field.name in own
    }
    return str(cls(**values))


def errors() -> str:
    """Return a section per class."""
    return "\n\n".join(map(section, classes()))


def section(cls: type[module.TrioflowError]) -> str:
    name = cls.__name__
    bases = ", ".join(f"`{base.__name__}`" for base in cls.__bases__)
    parts = [f"(error-{name.lower()})=", f"## {name}"]
    parts.append(as_markdown(inspect.cleandoc(cls.__doc__ or "")))
    message = sample(cls)
    if message:
        parts.append(f"```none\n{name}: {message}\n```")
    remedy = REMEDIES.get(name, "Read the message.")
    parts.append(f"**What to do**: {remedy}  \n**Also a**: {bases}")
    return "\n\n".join(parts)

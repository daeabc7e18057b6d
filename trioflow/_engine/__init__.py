"""What happens when a workflow runs.

In five sentences
=================

1. A workflow is a value: an immutable tree of nodes that starts nothing.
2. A run is a tree of tasks: each kind of node is one small async function that runs its children in
   a nursery under a cancel scope.
3. Everything that happens is an event, and the record of a run is the fold of its events. An event
   is numbered, folded and distributed in one step without a checkpoint, so no locks are needed.
4. Plugins are found before a run and provide plain values; no hook of theirs is called while a
   step runs.
5. A failed step is data on the stream, and a real exception for the caller.

The rooms, in the order in which they may import each other
===========================================================

================ =================================================================================
``base``         the vocabulary of the engine: plans, outcomes, ports, a nursery
``history``      earlier parts of a run: restored values, replay, suspensions, forks
``stream``       from an event to its readers: the log, the window they look through, fairness
``running``      what a node and a call do: one function per kind of node, calls, tools, waits
``planning``     from a definition to a plan: all errors in a definition are found there
``life``         a run as a whole: its phase, and how it starts, is driven, resumed and recovered
``journal``      the disk: writing, claims, loading, and requests from other processes
================ =================================================================================

Above them are `trioflow.run` and `trioflow.engine`, the user's handles. At the same level are
``trioflow._values`` (structuring) and ``trioflow._host`` (plugins). `trioflow.events` has the
grammar of events, and ``trioflow._phases`` the phases of a run.

Four trips
==========

An input
    ``Run.stream(input)`` → `life.starting.begin` structures and checks it, phase *starting* →
    `life.driving.drive` emits `Start` → `running.workflow_call.run_workflow` → `running.nodes`
    hands it to the first node → `running.run_call.run_call` structures it for its step, and awaits
    the body → the output is the input of the next node.

An event
    `running.call` makes it → `stream.log.RunLog.add` folds it into the record and puts it into the
    window (a `stream.journaled_log.JournaledLog` encodes it first: an event that cannot be written
    does not happen) → waiting readers are woken, instruments are notified → a reader takes it from
    the window when its task has a turn. A run waits for slow readers at its next step boundary or
    ``write``.

An answer
    ``Run.resume(data)`` → `life.resuming.resume` claims a durable run and takes over what other
    processes have done to it → the answer is structured, once, and recorded as `Resume` → the tree
    is interpreted from the top again, where `history.replay.Replay` returns recorded outcomes at
    once → the call that waited runs its body from the first line, with the answer in its context.

A journal entry
    `journal.codec.encode` → `journal.journal.RunJournal` keeps it until `journal.writer` appends
    the entries of all runs in one commit, fenced by the claim → after a crash
    `journal.durable_runs.DurableRuns.load` reads it → `history.restore.restore` gives its values
    their types, or finds the run unreadable → `life.recovering.adopt` folds it → *recover*, and the
    tree is interpreted as for an answer.
"""

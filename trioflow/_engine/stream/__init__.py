"""The memory channel of a run: from an emitted event to the readers that receive it.

A run does not simply use `trio.open_memory_channel`. An event is numbered, folded into the record
of the run and offered to every reader in one step without a checkpoint; otherwise record and stream
could disagree (`RunLog.emit`). That rules out ``await send(...)``. In a cancelled scope, where the
last events of a cancelled step are emitted, a send that may have to wait would raise ``Cancelled``
and lose them. ``send_nowait`` would lose them if the buffer is full.

So a run has its own kind of channel. It has one send side that never blocks, and any number of
readers that look through one window at the same list of events, each from its own position: an
emitted event is available to all of them at once. The run keeps the bound of the buffers: it waits
at its next step boundary or ``write`` while a reader has `max_buffer_size` or more unread events.
Users hold a receive end with the methods and meanings of Trio's own. It also costs less than
awaiting each send and each receive (shortcut `own-channel`), especially if a reader takes all
available events at once.

In the order in which an event passes them: `log` numbers, folds and distributes; `window` holds the
events; `channel` knows the readers and when the run waits for them; `reader` is one of them from
the run's side; `receive_end` is the user's side. `fairness` decides when a run lets other tasks
have a turn. `drafts` creates events quickly.
"""

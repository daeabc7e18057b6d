"""The memory channel of a run: from the event that happens to the readers that receive it.

Why a run does not simply use `trio.open_memory_channel`: what happens is numbered, folded into
the record of the run and offered to every reader in one step without a checkpoint, or record and
stream would not agree (`RunLog.emit`). That rules out ``await send(...)``, and in a cancelled
scope, where the last events of a cancelled step happen, a send that may have to wait would raise
``Cancelled`` and lose them. ``send_nowait`` would lose them to a full buffer.

So a run writes into a channel of its own kind. It has one send side that never blocks, and any
number of readers that look through one window at the same list of events, each from a position of
its own: an event that has happened is there for all of them, whatever their number. The bound
of the buffers is kept by the run, which waits at its next step boundary or ``write`` while a
reader has `max_buffer_size` or more events unread. What users hold is a receive end with the
methods and meanings of Trio's own. It also costs less than to await each send and each receive
(shortcut `own-channel`), most of all where a reader takes what is there at once.

In the order of an event's way: `log` numbers, folds and hands out; `window` holds the events;
`channel` knows the readers and when the run waits for them; `reader` is one of them as the run
sees it; `receive_end` is what users hold of it. `fairness` says when a run lets others have a turn,
`drafts` makes events quickly.
"""

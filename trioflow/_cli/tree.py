"""One stored run as a tree: each call with its output or error, its time, and its wait."""

from __future__ import annotations

import attrs
from rich.console import Console

from trioflow._cli.live import draw_row
from trioflow._cli.records import StoredView
from trioflow._cli.rows import Branch, Row, flatten
from trioflow._cli.speech import usage_text
from trioflow._cli.tables import make_console
from trioflow._cli.text import clean, duration
from trioflow._cli.values import describe_error, preview
from trioflow._cli.view import Status
from trioflow.addresses import Address
from trioflow.step_record import StepRecord

SHOWN = 100
"""Maximum number of sibling calls that are shown: the last ones."""


def print_tree(view: StoredView, now: float) -> None:
    """Print a run, one line per call.

    Args:
      view: The run.
      now: Seconds since the epoch.
    """
    console = make_console()
    run = view.record
    branches = _Branches(view, now)
    for row in flatten(branches.root()):
        _print_row(console, row)
    for word, value in (("input", run.input), ("output", run.output)):
        if value is not None:
            print(f"{word}: {preview(value, 1000)}")
    if run.usage is not None:
        print(f"used: {usage_text(run.usage)}")
    if run.reason is not None:
        print(f"reason: {clean(run.reason)}")


def _print_row(console: Console, row: Row) -> None:
    if console.is_terminal:
        console.print(draw_row(row, console.width, ">"))
    else:
        time = "" if row.seconds is None else duration(row.seconds)
        done = "" if row.progress is None else f"{row.progress[0]}/{row.progress[1]}"
        words = (row.label, row.status if row.kind == "call" else "", time, done, row.detail)
        print(row.guides + "  ".join(word for word in words if word))


@attrs.define
class _Branches:
    """Makes the tree of a run from the addresses of its calls."""

    view: StoredView
    now: float
    _inside: dict[Address | None, dict[Address, StepRecord]] = attrs.field(factory=dict)
    """The calls directly inside each call (None: the run), by their addresses."""

    def __attrs_post_init__(self) -> None:
        for record in self.view.record.calls.values():
            self._put(Address.parse(record.address), record)

    def _put(self, address: Address, record: StepRecord) -> None:
        outer = address.parent
        self._inside.setdefault(outer, {})[address] = record
        if outer is None or outer.item is None or outer in self._inside.get(outer.parent, {}):
            return
        # An item gets its own record only when it has ended.
        self._put(outer, StepRecord("", str(outer), "item", "running", None, 0.0))

    def root(self) -> Branch:
        """Return the run with all its calls."""
        run = self.view.record
        ended = run.ended_at or self.now
        seconds = None if run.started_at is None else max(ended - run.started_at, 0.0)
        status: Status = "running" if run.status == "pending" else run.status
        if self.view.is_interrupted:
            status = "interrupted"
        detail = "" if run.error is None else describe_error(run.error)
        row = Row("", "call", clean(run.workflow_id), status, detail, seconds)
        return Branch(row, self._below(None, ""))

    def _below(self, address: Address | None, id: str) -> tuple[Branch, ...]:
        inside = sorted(self._inside.get(address, {}).items(), key=self._rank)
        hidden = len(inside) - SHOWN
        more = (Branch(Row("", "more", f"{hidden} more before")),) if hidden > 0 else ()
        return (*more, *(self._branch(*pair, id) for pair in inside[-SHOWN:]))

    def _rank(self, pair: tuple[Address, StepRecord]) -> tuple[int, ...]:
        address = pair[0]
        place = self.view.order.rank(address)
        return (*place, address.iteration or 0, address.item or 0, address.attempt)

    def _branch(self, address: Address, record: StepRecord, outer: str) -> Branch:
        is_item = address.item is not None
        label = f"[{address.item}]" if is_item else record.id.removeprefix(f"{outer}.")
        if record.iteration is not None:
            label += f" #{record.iteration}"
        status, detail = self.view.status_of(record), self.view.detail_of(record)
        if record.attempts > 1:
            detail = f"{record.attempts} attempts" + (f", {detail}" if detail else "")
        below = self._below(address, outer if is_item else record.id)
        if below and record.kind != "foreach" and status in ("suspended", "success", "failed"):
            detail = ""  # the lines below show it
        progress = None if record.total is None else (record.done or 0, record.total)
        row = Row("", "call", clean(label), status, detail, self._seconds(record), progress)
        return Branch(row, below)

    def _seconds(self, record: StepRecord) -> float | None:
        if record.kind == "item":
            return None
        ended = record.ended_at or record.suspended_at or self.view.record.ended_at or self.now
        return max(ended - record.started_at, 0.0)

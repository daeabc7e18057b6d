"""A run as a tree that is redrawn in place: draws the lines of `trioflow._cli.rows` with rich."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from trioflow import events as ev
from trioflow._cli.places import NO_ORDER, ArmOrder
from trioflow._cli.rows import Row, rows
from trioflow._cli.speech import Line, Speech
from trioflow._cli.tables import make_console, print_result
from trioflow._cli.text import duration
from trioflow._cli.view import RunView, Status

if TYPE_CHECKING:
    from cattrs import Converter

INTERVAL = 0.1
"""Seconds between two drawings."""
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
BAR = 20
"""Width of a progress bar."""
MARKS: dict[Status, tuple[str, str]] = {
    "running": ("", "cyan"),
    "waiting": ("◌", "yellow"),
    "retrying": ("↻", "yellow"),
    "success": ("✔", "green"),
    "bailed": ("✔", "green"),
    "failed": ("✘", "bold red"),
    "canceled": ("⊘", "magenta"),
    "suspended": ("‖", "yellow"),
    "paused": ("‖", "yellow"),
    "interrupted": ("⊘", "yellow"),
}
"""Symbol and style of each status; running calls have a spinner."""
UNSAID = ("running", "success", "waiting", "retrying")
"""Statuses that the symbol or the detail makes clear; the others are also written out."""


class LiveDisplay:
    """Keeps the view of a run and draws it."""

    def __init__(
        self,
        converter: Converter | None = None,
        console: Console | None = None,
        order: ArmOrder = NO_ORDER,
    ) -> None:
        self.view = RunView(order, converter)
        self._speech = Speech(converter, with_calls=True)
        self._converter = converter
        self._console = console or make_console()
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
            # Output to a file must still go there.
            redirect_stderr=sys.stderr.isatty(),
        )
        self._notice = ""
        self._is_halting = False
        self._ahead = 0.0
        """How far the run's clock is ahead of Trio's, in seconds."""

    async def recall(self, events: Sequence[ev.Event]) -> None:
        """Apply earlier events to the tree."""
        for event in events:
            self.view.apply(event)
            list(self._speech.lines(event))
        self.view.recall()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Redraw the tree in place while open; leave the whole tree on the screen at the end."""
        with self._live:
            yield
        if self._is_halting:
            self.view.interrupt(trio.current_time() + self._ahead)
        self._console.print(self.draw())

    async def attend(self) -> None:
        """Redraw the tree at intervals."""
        while True:
            # Built here, not by a callback of rich: what a step prints in a thread makes
            # rich draw in that thread, while the view changes in this one.
            tree = self.draw(max(self._console.height - 2, 1))
            # The last line is kept free for the ^C that the terminal writes where the
            # cursor is; it would move what is already there.
            notice = Text(self._notice, "yellow", no_wrap=True, overflow="ellipsis")
            self._live.update(Group(tree, notice), refresh=True)
            await trio.sleep(INTERVAL)

    async def show(self, event: ev.Event) -> None:
        """Apply an event; the next drawing shows it. What agents say stays above the tree."""
        self._ahead = event.at - trio.current_time()
        self.view.apply(event)
        for line in self._speech.lines(event):
            self._console.print(draw_speech(line))

    async def show_result(self, value: Any) -> None:
        """Print the output as a table, or as JSON."""
        print_result(self._console, value, self._converter)

    def stopping(self, notice: str, *, for_good: bool = True) -> None:
        """Show that the run is being stopped."""
        self._is_halting = not for_good
        self._notice = notice

    def draw(self, height: int = sys.maxsize) -> Group:
        """Return the tree as it is now, with at most *height* lines."""
        if not self.view.root.id:
            return Group()
        seconds = trio.current_time()
        spinner = SPINNER[int(seconds / INTERVAL) % len(SPINNER)]
        lines = rows(self.view.root, seconds + self._ahead, height)
        return Group(*(draw_row(row, self._console.width, spinner) for row in lines))


def draw_speech(line: Line) -> Text:
    """Return a line of what an agent says, which tool it calls, or what a turn has used."""
    if line.kind == "usage":
        return Text(f"  {line.speaker}: {line.text}", "dim")
    if line.kind == "call":
        return Text.assemble("↳ ", (line.speaker, "blue"), (f"  {line.text}", "dim"))
    return Text(line.text)


def draw_row(row: Row, width: int, spinner: str) -> Text:
    """Return one line, cut to *width*: guides, symbol, label, progress, detail, and the time."""
    time = "" if row.seconds is None else f" {duration(row.seconds):>6}"
    line = Text(row.guides, style="dim", no_wrap=True, overflow="ellipsis", end="")
    line = Text.assemble(line, *_head(row, spinner))
    room = width - len(time)
    if row.progress is not None:
        line.append_text(_progress(row.progress, room - line.cell_len))
    detail = _detail(row)
    if detail:
        line.append(f"  {detail}", style=_detail_style(row))
    line.truncate(room, overflow="ellipsis", pad=bool(time))
    line.append(time, style="dim")
    if row.is_recalled and row.status in ("success", "bailed"):
        line.stylize("dim")
    line.no_wrap = True
    return line


def _head(row: Row, spinner: str) -> list[tuple[str, str]]:
    sign, style = MARKS[row.status]
    match row.kind:
        case "output":
            return [(row.label, "dim")]
        case "more":
            return [(f"{sign} {row.label}".strip(), "dim")]
        case "tool":
            return [("↳ " if row.status == "running" else f"{sign} ", style), (row.label, "blue")]
        case _:
            return [(f"{sign or spinner} ", style), (row.label, "bold" if not sign else "")]


def _detail(row: Row) -> str:
    said = row.status in UNSAID or row.kind in ("output", "more")
    if row.status == "failed" and row.detail:
        said = True
    return ", ".join(part for part in ("" if said else row.status, row.detail) if part)


def _detail_style(row: Row) -> str:
    return MARKS[row.status][1] if row.status not in ("running", "success", "bailed") else "dim"


def _progress(progress: tuple[int, int], room: int) -> Text:
    done, total = progress
    text = Text()
    counts = f"  {done}/{total}"
    if room >= BAR + 2 + len(counts):
        filled = BAR * done // total if total else BAR
        text.append("  ").append("━" * filled, "green").append("─" * (BAR - filled), "dim")
    return text.append(counts)

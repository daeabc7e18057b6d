"""The commands that draw. What they need is imported when one of them is called."""

from __future__ import annotations

from pathlib import Path

import attrs

from trioflow.errors import TrioflowError


@attrs.define(eq=False)
class UnwritableFileError(TrioflowError):
    """Raised when a picture cannot be written to the file that the user names."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} cannot be written: {self.reason}"


def draw(target: str, file: str, /) -> None:
    """Draw a workflow.

    Parameters
    ----------
    target
        Id of an installed workflow, or MODULE:ATTR of one of your own.
    file
        The SVG file to write; it needs no other file.
    """
    from trioflow.commands import find_workflow
    from trioflow_pictures.graph import to_svg

    found = find_workflow(target)
    _write(file, to_svg(found.workflow, found.resolve, found.provider))


async def timeline(run: str, /, *, html: str, store: str | None = None) -> None:
    """Draw the calls of a run on a time axis.

    The pieces of tools and what steps write are there only if the journal has them.

    Parameters
    ----------
    run
        Id of the run.
    html
        The file to write; a browser shows it, and it needs no other file.
    store
        Where the run is kept, such as sqlite:runs.db; TRIOFLOW_STORE if not given.
    """
    from trioflow.commands import recorded_events
    from trioflow_pictures.timeline import to_timeline_html

    _write(html, to_timeline_html(await recorded_events(run, store)))


def _write(path: str, text: str) -> None:
    """Write *text* to a file in UTF-8 and replace what it contained.

    Raises:
      UnwritableFileError: if that is not possible.
    """
    try:
        Path(path).write_text(text, "utf-8", newline="\n")
    except OSError as exc:
        raise UnwritableFileError(path, exc.strerror or str(exc)) from exc

"""The commands that draw. They import their dependencies when they are called."""

from __future__ import annotations

from pathlib import Path

import attrs

from trioflow.errors import TrioflowError


@attrs.define(eq=False)
class UnwritableFileError(TrioflowError):
    """Raised when a picture cannot be written to the given file."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} cannot be written: {self.reason}"


def draw(target: str, file: str, /) -> None:
    """Draw a workflow.

    Parameters
    ----------
    target
        Id of an installed workflow, or MODULE:ATTR.
    file
        The SVG file to write.
    """
    from trioflow.commands import find_workflow
    from trioflow_pictures.graph import to_svg

    found = find_workflow(target)
    _write(file, to_svg(found.workflow, found.resolve, found.provider))


async def timeline(run: str, /, *, html: str, store: str | None = None) -> None:
    """Draw the calls of a run on a time axis.

    Chunks of steps and pieces of tools are only shown if the journal has them.

    Parameters
    ----------
    run
        Id of the run.
    html
        The HTML file to write; open it in a browser.
    store
        The store of the run, such as sqlite:runs.db. Default: TRIOFLOW_STORE.
    """
    from trioflow.commands import recorded_events
    from trioflow_pictures.timeline import to_timeline_html

    _write(html, to_timeline_html(await recorded_events(run, store)))


def _write(path: str, text: str) -> None:
    """Write *text* to a file in UTF-8, replacing its content.

    Raises:
      UnwritableFileError: if that is not possible.
    """
    try:
        Path(path).write_text(text, "utf-8", newline="\n")
    except OSError as exc:
        raise UnwritableFileError(path, exc.strerror or str(exc)) from exc

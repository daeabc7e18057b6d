"""A trioflow plugin that draws workflows as graphs and runs as timelines.

Each picture is one self-contained file without network access, libraries or fonts. The
output is deterministic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow import hookimpl

if TYPE_CHECKING:
    from trioflow_pictures.graph import to_svg
    from trioflow_pictures.timeline import to_timeline_html

__all__ = ["to_svg", "to_timeline_html", "trioflow_commands"]


@hookimpl
def trioflow_commands(app: Any) -> None:
    """Add ``timeline``, and ``draw``, which ``trioflow graph --svg`` calls."""
    from trioflow_pictures.commands import draw, timeline  # see below

    app.command(draw, show=False)
    app.command(timeline)


# Every engine and every ``trioflow --help`` loads this module, so the imports are lazy.
def __getattr__(name: str) -> Any:
    if name == "to_svg":
        from trioflow_pictures.graph import to_svg

        return to_svg
    if name == "to_timeline_html":
        from trioflow_pictures.timeline import to_timeline_html

        return to_timeline_html
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Draw a workflow as a self-contained SVG file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trioflow import Workflow
from trioflow.describe import Provider, Resolve, outline, to_tree
from trioflow_pictures.graph.block import Block, dot, moved
from trioflow_pictures.graph.constructs import sequence
from trioflow_pictures.graph.measure import number, shorten, width_of, write, xml_text

MARGIN = 24
TITLE = 17
TITLE_LIMIT = 60
TEXT = 12
TEXT_LIMIT = 80


def to_svg(
    workflow: Workflow[Any, Any],
    resolve: Resolve | None = None,
    provider: Provider | None = None,
) -> str:
    """Return the SVG document of a workflow as a string with a final newline.

    Time runs from top to bottom, concurrent parts are drawn side by side, loops have an arrow
    back, and nested workflows are frames. Arrows are labelled with the types of values where
    they are known. The drawing follows the reader's light or dark mode, and the output is
    deterministic. Nothing is run.

    Args:
      workflow: The workflow to draw.
      resolve: Returns the steps, tools and workflows that are used by id.
      provider: Tells which plugin provides a definition.
    """
    root = outline(workflow, resolve, provider)
    body = sequence(root.children, (dot("start", 7), dot("end", 7)), (root.input, root.output))
    title, text = shorten(root.label, TITLE_LIMIT), shorten(root.description, TEXT_LIMIT)
    heading = write(title, 0, TITLE, TITLE, "title")
    top = TITLE + 20.0
    if text:
        heading += write(text, 0, top, TEXT, "note")
        top += 16
    heading_width = max(width_of(title, TITLE), width_of(text, TEXT))
    left = max((heading_width - body.width) / 2, 0)
    whole = Block(
        max(heading_width, left + body.width),
        top + body.height,
        0,
        heading + moved(body.svg, left, top),
    )
    description = "\n".join(part for part in (root.description, to_tree(workflow, resolve)) if part)
    return _page(whole, f"Workflow {root.label}", description)


def _page(block: Block, title: str, description: str) -> str:
    width, height = number(block.width + 2 * MARGIN), number(block.height + 2 * MARGIN)
    style = Path(__file__).with_name("graph.css").read_text("utf-8")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n'
        f"<title>{xml_text(title)}</title>\n"
        f"<desc>{xml_text(description)}</desc>\n"
        f"<style>\n{style}</style>\n"
        f'<rect class="paper" width="100%" height="100%"/>\n'
        f"{moved(block.svg, MARGIN, MARGIN)}\n"
        "</svg>\n"
    )

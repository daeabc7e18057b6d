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
    *,
    style: bool = True,
    sources: bool = True,
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
      style: Whether the drawing has its style. Pass False to put it into a page that has
        `graph_css`. The groups of calls have their addresses as ``data-address``, without items,
        iterations and attempts, so that the page can color them.
      sources: Whether conditions that are short lambdas appear as their source.
    """
    root = outline(workflow, resolve, provider, sources=sources)
    addresses = [str(position) for position in range(len(root.children))]
    ends = dot("start", 7), dot("end", 7)
    body = sequence(root.children, addresses, ends, (root.input, root.output))
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
    tree = to_tree(workflow, resolve, sources=sources)
    description = "\n".join(part for part in (root.description, tree) if part)
    css = f"<style>\n{graph_css()}</style>\n" if style else ""
    return _page(whole, f"Workflow {root.label}", description, css)


def graph_css() -> str:
    """Return the style of drawings, for pages that contain some."""
    return Path(__file__).with_name("graph.css").read_text("utf-8")


def _page(block: Block, title: str, description: str, style: str) -> str:
    width, height = number(block.width + 2 * MARGIN), number(block.height + 2 * MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n'
        f"<title>{xml_text(title)}</title>\n"
        f"<desc>{xml_text(description)}</desc>\n"
        f"{style}"
        f'<rect class="paper" width="100%" height="100%"/>\n'
        f"{moved(block.svg, MARGIN, MARGIN)}\n"
        "</svg>\n"
    )

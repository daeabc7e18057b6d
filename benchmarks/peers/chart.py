"""The results as a chart: an SVG file that needs nothing else and suits light and dark pages.

Drawn with ElementTree. Of the libraries for charts none makes one file that follows the
reader's colour scheme, and dots on a logarithmic scale are little work by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from xml.etree import ElementTree as ET

import attrs

from benchmarks.peers.engines import ENGINES, FLOOR, OURS, WORKLOADS, Engine
from benchmarks.peers.results import Results, Row

PANELS = ("chain-1000", "foreach-1000", "runs-100")
WIDTH, LEFT, RIGHT = 760, 178, 690
"""Of the picture, and where the scale begins and ends."""
TOP, HEADING, LINE, GAP, AXIS = 76, 28, 21, 14, 34
"""Heights: above the first panel, a panel's heading, an engine, between panels, the axis."""
CAPTION = "Microseconds per step that does nothing"
LEGEND = (
    "Logarithmic scale, shorter is better. Dashed: the program written by hand with Trio."
    " Diamonds: every step is recorded."
)
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.caption { font-size: 17px; font-weight: 600; }
.panel { font-weight: 600; }
.amount { stroke: #ffffff; stroke-width: 4px; paint-order: stroke; }
.small, .tick { font-size: 12px; fill: #59636e; }
.label { text-anchor: end; }
.tick { text-anchor: middle; }
.page { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
.floor { stroke: #59636e; stroke-dasharray: 4 3; }
.stem { stroke: #8c959f; stroke-width: 2; }
.dot { fill: #59636e; }
.ours { fill: #0969da; font-weight: 600; }
.stem.ours { stroke: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .small, .tick { fill: #9198a1; }
  .page { fill: #0d1117; }
  .amount { stroke: #0d1117; }
  .grid { stroke: #3d444d; }
  .floor { stroke: #9198a1; }
  .stem { stroke: #6e7681; }
  .dot { fill: #9198a1; }
  .ours { fill: #58a6ff; }
  .stem.ours { stroke: #58a6ff; }
}
"""


def draw(results: Results) -> str:
    """Return the chart as the text of an SVG file; the same results give the same text."""
    engines = [engine for engine in ENGINES.values() if _rows(results, engine)]
    rows = [row for engine in engines for row in _rows(results, engine) if not row.reason]
    panel_height = HEADING + LINE * len(engines)
    bottom = TOP + len(PANELS) * (panel_height + GAP)
    height = bottom + AXIS
    svg = ET.Element("svg", _text_of(xmlns="http://www.w3.org/2000/svg", width=WIDTH))
    svg.attrib |= _text_of(height=height, viewBox=f"0 0 {WIDTH} {height}", role="img")
    svg.attrib["aria-labelledby"] = "title description"
    _add(svg, "title", CAPTION, id="title")
    _add(svg, "desc", describe(rows), id="description")
    _add(svg, "style", STYLE)
    _add(svg, "rect", width=WIDTH, height=height, rx=6, class_="page")
    _add(svg, "text", CAPTION, x=16, y=30, class_="caption")
    _add(svg, "text", LEGEND, x=16, y=52, class_="small")
    scale = Scale.for_(row.microseconds for row in rows)
    _draw_axis(svg, scale, bottom)
    for index, workload in enumerate(PANELS):
        panel = Panel(svg, scale, results, workload, TOP + index * (panel_height + GAP))
        panel.draw(engines)
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def describe(rows: Iterable[Row]) -> str:
    """Return in words what the chart shows."""
    texts = [
        f"{WORKLOADS[row.workload].title}, {ENGINES[row.engine].title}: {amount(row)}"
        for row in rows
    ]
    return f"{LEGEND} {'; '.join(texts)}."


def amount(row: Row) -> str:
    """Return the median with two digits that count, in a unit that suits it."""
    figure, unit = row.microseconds, "µs"
    if figure >= 1000:
        figure, unit = figure / 1000, "ms"
    digits = 0 if figure >= 10 else 1
    return f"{figure:.{digits}f} {unit}"


@attrs.frozen
class Scale:
    """Decades of microseconds from left to right."""

    first: int
    last: int

    @classmethod
    def for_(cls, figures: Iterable[float]) -> Scale:
        exponents = [math.log10(figure) for figure in figures]
        return cls(math.floor(min(exponents)), math.ceil(max(exponents)))

    def x(self, microseconds: float) -> float:
        part = (math.log10(microseconds) - self.first) / (self.last - self.first)
        return round(LEFT + part * (RIGHT - LEFT), 1)

    def ticks(self) -> Iterable[tuple[float, str]]:
        for exponent in range(self.first, self.last + 1):
            unit, shown = ("µs", exponent) if exponent < 3 else ("ms", exponent - 3)
            yield self.x(10.0**exponent), f"{10**shown:g} {unit}"


@attrs.frozen
class Panel:
    """One workload: a line for each engine."""

    svg: ET.Element
    scale: Scale
    results: Results
    workload: str
    top: int

    def draw(self, engines: list[Engine]) -> None:
        title = WORKLOADS[self.workload].title
        _add(self.svg, "text", title[0].upper() + title[1:], x=16, y=self.top + 16, class_="panel")
        floor = self.results.find(self.workload, FLOOR.id)
        if floor is not None and not floor.reason:
            x, end = self.scale.x(floor.microseconds), self.top + HEADING + LINE * len(engines)
            _add(self.svg, "line", x1=x, x2=x, y1=self.top + HEADING, y2=end, class_="floor")
        for index, engine in enumerate(engines):
            row = self.results.find(self.workload, engine.id)
            if row is not None:
                self._draw_row(engine, row, self.top + HEADING + LINE * index + LINE // 2)

    def _draw_row(self, engine: Engine, row: Row, y: int) -> None:
        ours = " ours" if engine.id in (OURS.id, "trioflow-sql") else ""
        _add(self.svg, "text", engine.title, x=LEFT - 12, y=y + 4, class_=f"label{ours}")
        if row.reason:
            _add(self.svg, "text", row.reason, x=LEFT + 6, y=y + 4, class_="small amount")
            return
        x = self.scale.x(row.microseconds)
        _add(self.svg, "line", x1=LEFT, x2=x, y1=y, y2=y, class_=f"stem{ours}")
        if engine.durable:
            points = f"{x - 6},{y} {x},{y - 6} {x + 6},{y} {x},{y + 6}"
            _add(self.svg, "polygon", points=points, class_=f"dot{ours}")
        else:
            _add(self.svg, "circle", cx=x, cy=y, r=5, class_=f"dot{ours}")
        _add(self.svg, "text", amount(row), x=round(x + 11, 1), y=y + 4, class_=f"amount{ours}")


def _draw_axis(svg: ET.Element, scale: Scale, bottom: int) -> None:
    for x, text in scale.ticks():
        _add(svg, "line", x1=x, x2=x, y1=TOP + HEADING, y2=bottom - GAP + 6, class_="grid")
        _add(svg, "text", text, x=x, y=bottom + 10, class_="tick")


def _rows(results: Results, engine: Engine) -> list[Row]:
    found = (results.find(workload, engine.id) for workload in PANELS)
    return [row for row in found if row is not None]


def _add(parent: ET.Element, tag: str, text: str | None = None, **values: object) -> None:
    """Add an element; ``class_`` stands for the attribute *class*, which is left out if empty."""
    if "class_" in values:
        values["class"] = values.pop("class_")
    ET.SubElement(parent, tag, _text_of(**values)).text = text


def _text_of(**values: object) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value != ""}

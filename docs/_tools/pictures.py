"""The directive ``picture``: a graph or a timeline that the build draws, in the page itself.

``graph MODULE:NAME`` draws a workflow as SVG, ``timeline MODULE:FUNCTION`` a run whose events an
async function returns. The modules are blocks of the page with a caption, or programs named in the
option ``files``, as for transcripts.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from _tools.transcripts import folder_of, run, save_files


class Picture(SphinxDirective):
    """Draw a workflow or a run with the command line, and show the picture."""

    required_arguments = 2
    optional_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "alt": directives.unchanged_required,
        "files": directives.unchanged,
        "store": directives.unchanged,
        "height": directives.nonnegative_int,
    }

    def run(self) -> list[nodes.Node]:
        kind, what = self.arguments[:2]
        folder = folder_of(self.env.docname)
        page = Path(self.env.doc2path(self.env.docname))
        save_files(page.read_text("utf-8"), folder)
        for name in self.options.get("files", "").split():
            shutil.copy(page.parent / name, folder)
        if kind == "graph":
            return [self._graph(what, folder)]
        return [self._timeline(what, folder)]

    def _graph(self, what: str, folder: Path) -> nodes.Node:
        run(f"trioflow graph {what} --svg graph.svg", folder, 0)
        svg = (folder / "graph.svg").read_text("utf-8")
        svg = re.sub(r"^<\?xml[^>]*\?>\s*", "", svg)
        label = nodes.Text(self.options["alt"]).astext()
        html = f'<figure class="picture" role="img" aria-label="{label}">{svg}</figure>'
        return nodes.raw("", html, format="html")

    def _timeline(self, what: str, folder: Path) -> nodes.Node:
        store = self.options.get("store", "sqlite:runs.db")
        run(f"trioflow timeline {what} --store {store} --html timeline.html", folder, 0)
        html = (folder / "timeline.html").read_text("utf-8")
        digest = hashlib.sha256(f"{self.env.docname} {what}".encode()).hexdigest()
        name = f"timeline-{digest[:8]}.html"
        target = Path(self.env.app.outdir) / "_pictures" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, "utf-8")
        depth = "../" * self.env.docname.count("/")
        height, label = self.options.get("height", 320), self.options["alt"]
        frame = (
            f'<iframe class="picture" src="{depth}_pictures/{name}" title="{label}" '
            f'loading="lazy" height="{height}"></iframe>'
        )
        return nodes.raw("", frame, format="html")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True}

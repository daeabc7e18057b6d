"""Each page as plain Markdown beside it, and ``llms.txt``, the list of them.

Both are for language models, and for whoever reads in a terminal. What the build makes (outputs of
commands, tables from the code, whole programs) is in them, as on the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.writers.text import TextTranslator

from _tools.addresses import SITE
from _tools.reference import GENERATORS, MARK

FENCE = re.compile(
    r"^(?P<fence>`{3,})\{(?P<kind>[\w-]+)\} *(?P<argument>.*)\n(?P<body>(?:.*\n)*?)(?P=fence)$",
    re.MULTILINE,
)
OPTION = re.compile(r"^:(?P<name>[\w-]+):(?: (?P<value>.*))?\n", re.MULTILINE)
CARD = re.compile(r"^:{3,}\{grid-item-card\} (.*)\n:link: (\S+)\n:link-type: doc\n\n", re.MULTILINE)
LAYOUT = re.compile(r"^(:{3,}.*|:gutter: .*|<!--- .* -->)\n+", re.MULTILINE)
ROLE = re.compile(r"(?<![\w`/])\{(class|func|meth|attr|exc|mod|any|doc|ref)\}(?=`)")
FIRST = "first-paragraph"
"""What is noted of each page while it is read."""
FRONT = re.compile(r"\A---\n(?:.*\n)*?---\n")


class Plain:
    """The plain form of one page."""

    def __init__(self, env: BuildEnvironment, page: str, doctree: nodes.document) -> None:
        self.env = env
        self.page = page
        self.path = Path(env.doc2path(page))
        blocks = doctree.findall(nodes.literal_block)
        self.outputs = iter([block for block in blocks if "transcript" in block["classes"]])

    def make(self) -> str:
        """Return the page as Markdown without directives."""
        text = FRONT.sub("", self.path.read_text("utf-8"))
        text = MARK.sub(lambda found: GENERATORS[found[1]](), text)
        text = FENCE.sub(self._block, text)
        text = CARD.sub(r"- [\1](\2.md): ", text)
        return ROLE.sub("", LAYOUT.sub("", text))

    def _block(self, found: re.Match[str]) -> str:
        options, body = {}, found["body"]
        while option := OPTION.match(body):
            options[option["name"]] = option["value"] or ""
            body = body[option.end() :]
        argument = found["argument"]
        match found["kind"]:
            case "transcript":
                return "" if "hide" in options else fence("console", next(self.outputs).astext())
            case "code-block":
                return named(options.get("caption"), fence(argument, body.strip("\n")))
            case "include":
                return (self.path.parent / argument).read_text("utf-8")
            case "literalinclude":
                program = (self.path.parent / argument).read_text("utf-8").strip("\n")
                return named(argument, fence(options.get("language", "python"), program))
            case "picture":
                return f"(A picture: {options.get('alt', argument)})"
            case "toctree":
                return "" if "hidden" in options else "\n".join(self._links())
            case kind:
                raise ValueError(f"{self.path}: no plain form of {kind!r}")

    def _links(self) -> Iterator[str]:
        folder = Path(self.page).parent
        for page in self.env.toctree_includes.get(self.page, []):
            link = Path(page).relative_to(folder).as_posix()
            yield f"- [{title_of(self.env, page)}]({link}.md)"


def fence(language: str, text: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{text}\n```"


def named(name: str | None, block: str) -> str:
    """Put the name of a file before its block."""
    return block if name is None else f"`{name}`:\n\n{block}"


def title_of(env: BuildEnvironment, page: str) -> str:
    return env.titles[page].astext()


def write_page(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Write the plain form of a page beside it; that of the API is made from what is shown."""
    if doctree is None:
        return
    name = page.rpartition("/")[2]
    context["metatags"] += f'<link rel="alternate" type="text/markdown" href="{name}.md">\n'
    if app.env.doc2path(page).suffix == ".md":
        text = Plain(app.env, page, doctree).make()
    else:
        translator = TextTranslator(doctree, app.builder)  # type: ignore[arg-type]
        doctree.walkabout(translator)
        text = translator.body
    target = Path(app.outdir) / f"{page}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def write_list(app: Sphinx, error: Exception | None) -> None:
    """Write ``llms.txt``: one line for each page, in the order of the tree."""
    if error is not None or app.builder.format != "html":
        return
    root = app.config.root_doc
    lines = [f"# {app.config.project}", "", f"> {app.env.metadata[root][FIRST]}"]
    for part in app.env.toctree_includes[root]:
        lines += ["", f"## {title_of(app.env, part)}", ""]
        lines += [line(app.env, page) for page in below(app.env, part)]
    (Path(app.outdir) / "llms.txt").write_text("\n".join([*lines, ""]), "utf-8")


def below(env: BuildEnvironment, page: str) -> Iterator[str]:
    """Yield a page and those below it."""
    yield page
    for inner in env.toctree_includes.get(page, []):
        yield from below(env, inner)


def line(env: BuildEnvironment, page: str) -> str:
    words = env.metadata[page].get(FIRST, "")
    return f"- [{title_of(env, page)}]({SITE}{page}.md)" + (f": {words}" if words else "")


def note_first(app: Sphinx, doctree: nodes.document) -> None:
    """Note the first paragraph of a page."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            words = " ".join(paragraph.astext().split())
            app.env.metadata[app.env.docname][FIRST] = words
            return


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", note_first)
    app.connect("html-page-context", write_page)
    app.connect("build-finished", write_list)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

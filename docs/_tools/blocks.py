"""The code blocks of a page: they run, in order, in one module and one folder of their own.

A ``text`` block is what the Python blocks since the last one have printed; ``...`` in it stands for
anything. With ``DOCS_UPDATE=1`` in the environment, it is replaced by what they print.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path

import attrs

UPDATE = bool(os.environ.get("DOCS_UPDATE"))
IS_MAIN = ast.dump(ast.parse('__name__ == "__main__"', mode="eval").body)


class _AsMain(ast.NodeTransformer):
    """Take the branch that a script takes, although the module has another name."""

    def visit_If(self, node: ast.If) -> ast.AST:
        if ast.dump(node.test) == IS_MAIN:
            node.test = ast.copy_location(ast.Constant(True), node.test)
        return node


def as_main(source: str, file: str, line: int) -> types.CodeType:
    """Compile a block as a script, with the line numbers of its page."""
    tree = ast.parse("\n" * line + source, file)
    return compile(_AsMain().visit(tree), file, "exec")


@attrs.define
class Page:
    """The module, the folder and the output of the blocks of one page."""

    path: Path
    folder: Path
    module: types.ModuleType
    printed: list[str] = attrs.field(factory=list)
    outputs: dict[int, str] = attrs.field(factory=dict)
    """By the line of a text block: what it should be."""

    def run(self, source: str, line: int, name: str | None) -> None:
        """Run a block, and save it as a file if it has a name."""
        if name is not None:
            (self.folder / name).write_text(source, "utf-8")
        code = as_main(source, str(self.path), line)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(code, vars(self.module))
        self.printed.append(output.getvalue())

    def check(self, shown: str, line: int) -> str | None:
        """Return what is wrong with a text block, None if nothing."""
        printed = "".join(self.printed)
        self.printed.clear()
        checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS
        if checker.check_output(shown, printed, flags):
            return None
        if UPDATE:
            self.outputs[line] = printed
            return None
        example = doctest.Example("", shown)
        return checker.output_difference(example, printed, flags | doctest.REPORT_NDIFF)

    def write_outputs(self) -> None:
        """Replace the text blocks that are out of date."""
        lines = self.path.read_text("utf-8").splitlines(keepends=True)
        for line, output in sorted(self.outputs.items(), reverse=True):
            end = next(i for i in range(line, len(lines)) if lines[i].startswith("```"))
            lines[line:end] = [output]
        self.path.write_text("".join(lines), "utf-8")


@contextlib.contextmanager
def open_page(path: Path) -> Iterator[Page]:
    """Make the module and the folder of a page, and go there."""
    module = types.ModuleType("page_" + path.stem.replace("-", "_"))
    home, known = Path.cwd(), set(sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        page = Page(path, Path(folder), module)
        sys.modules[module.__name__] = module
        sys.path.insert(0, folder)
        os.chdir(folder)
        try:
            yield page
        finally:
            os.chdir(home)
            sys.path.remove(folder)
            for name in set(sys.modules) - known:
                if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
                    del sys.modules[name]
            del sys.modules[module.__name__]
    if page.outputs:
        page.write_outputs()

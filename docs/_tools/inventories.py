"""Make the inventories in ``docs/inv``, with which links to other projects need no network.

``python -m _tools.inventories FOLDER`` takes those of Python, attrs and cattrs from an unpacked
folder of Debian's packages python3.11-doc, python-attr-doc and python-cattrs-doc, and keeps what a
Python project links to. That of Trio, which has no such package, it makes from the installed Trio.
Run it in ``docs``; the results are committed.
"""

from __future__ import annotations

import inspect
import sys
import zlib
from pathlib import Path

import trio
import trio.abc
import trio.from_thread
import trio.lowlevel
import trio.testing
import trio.to_thread

FOLDERS = {"python": "python3.11", "attrs": "python-attr-doc", "cattrs": "python-cattrs-doc"}
INVENTORIES = Path(__file__).parents[1] / "inv"
TRIO_PAGES = {
    "trio": "reference-core.html",
    "trio.abc": "reference-io.html",
    "trio.lowlevel": "reference-lowlevel.html",
    "trio.testing": "reference-testing.html",
    "trio.to_thread": "reference-core.html",
    "trio.from_thread": "reference-core.html",
}
KEPT = (b"py:class", b"py:function", b"py:method", b"py:exception", b"py:module", b"py:attribute",
        b"py:data", b"py:property", b"std:term")  # fmt: skip


def kept_lines(content: bytes) -> bytes:
    """Return the lines of an inventory that Python projects refer to."""
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if any(b" " + kind in line for kind in KEPT))


def shorten(source: Path, target: Path) -> None:
    """Copy an inventory, with only what Python projects refer to."""
    head, rest = source.read_bytes().split(b"zlib.\n", 1)
    content = zlib.compress(kept_lines(zlib.decompress(rest)), 9)
    target.write_bytes(head + b"zlib.\n" + content)


def trio_lines() -> list[str]:
    """Describe the public names of Trio, with the page and anchor of each."""
    lines = []
    for module_name, page in TRIO_PAGES.items():
        for name, value in vars(sys.modules[module_name]).items():
            if name.startswith("_") or inspect.ismodule(value):
                continue
            is_class = inspect.isclass(value)
            kind = "exception" if is_class and issubclass(value, BaseException) else "class"
            kind = kind if is_class else "function"
            full = f"{module_name}.{name}"
            lines.append(f"{full} py:{kind} 1 {page}#$ -\n")
            if is_class:
                lines.extend(
                    f"{full}.{method} py:method 1 {page}#$ -\n"
                    for method in vars(value)
                    if not method.startswith("_")
                )
    return lines


def write_trio(target: Path) -> None:
    """Write the inventory of Trio's documentation."""
    head = (
        "# Sphinx inventory version 2\n"
        f"# Project: Trio\n# Version: {trio.__version__}\n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    content = zlib.compress("".join(trio_lines()).encode(), 9)
    target.write_bytes(head.encode() + content)


def main() -> None:
    unpacked = Path(sys.argv[1])
    INVENTORIES.mkdir(exist_ok=True)
    for name, folder in FOLDERS.items():
        [source] = (unpacked / "usr/share/doc" / folder).glob("**/objects.inv")
        shorten(source, INVENTORIES / f"{name}.inv")
    write_trio(INVENTORIES / "trio.inv")


if __name__ == "__main__":
    main()

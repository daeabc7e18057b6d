"""The tools for agents: ``files.read``, ``files.list`` and ``files.write``."""

from __future__ import annotations

from typing import Annotated, Any

import trio

from trioflow import Tool, tool
from trioflow_files.accessing import MAX_LISTED, MAX_TEXT, list_below, read_text, write_text
from trioflow_files.models import FileEntry, FileText

FilePath = Annotated[str, "the file, relative to the root"]
FolderPath = Annotated[str, "the folder, relative to the root; empty for the root"]
Root = Annotated[str, "path of the folder that nothing leads out of"]
FirstLine = Annotated[int, "number of the first line, counted from 1"]
Content = Annotated[str, "the whole content of the file"]


@tool(id="files.read")
def read_file(
    path: FilePath,
    root: Root = ".",
    first_line: FirstLine = 1,
    limit: Annotated[int, "maximum number of characters"] = MAX_TEXT,
) -> FileText:
    """Return lines of a text file below a root.

    This is `read_text` as a tool. It runs in a thread.

    **Cancellation**: noticed after each chunk of 256 KiB.
    """
    return read_text(root, path, first_line, limit, trio.from_thread.check_cancelled)


@tool(id="files.list")
def list_folder(
    root: Root = ".",
    path: FolderPath = "",
    limit: Annotated[int, "maximum number of files"] = MAX_LISTED,
) -> list[FileEntry]:
    """List the files of a folder below a root, without those that .gitignore files exclude.

    This is `list_below` as a tool. It runs in a thread.

    **Cancellation**: noticed before each file and folder.
    """
    return list_below(root, path, limit, trio.from_thread.check_cancelled)


@tool(id="files.write")
def write_file(
    path: FilePath,
    text: Content,
    root: Root = ".",
    overwrite: Annotated[bool, "whether the file may exist"] = False,
) -> int:
    """Write a text file below a root, and return its size in bytes.

    This is `write_text` as a tool. It runs in a thread, and ends before it is canceled.
    """
    return write_text(root, path, text, overwrite=overwrite)


def tools_in(root: str) -> list[Tool[..., Any]]:
    """Return ``files.read`` and ``files.list`` for one root, for agents: no model chooses it."""

    @tool(id=read_file.id)
    def read(path: FilePath, first_line: FirstLine = 1) -> FileText:
        """Return lines of a text file."""
        return read_text(root, path, first_line, check=trio.from_thread.check_cancelled)

    @tool(id=list_folder.id)
    def list_(path: FolderPath = "") -> list[str]:
        """List the files of a folder, without those that .gitignore files exclude."""
        entries = list_below(root, path, check=trio.from_thread.check_cancelled)
        return [entry.path for entry in entries if entry.problem is None]

    return [read, list_]

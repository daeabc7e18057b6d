"""The digest of a file agrees with a naive computation, however the file is read."""

import errno
import hashlib
import io
import itertools
import os
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import example, given
from hypothesis import strategies as st
from trioflow_files import FileDigest, FileEntry, digest_file
from trioflow_files.digesting import digest_entry, measure
from trioflow_files.reading import CHUNK, SNIFFED

texts = st.text(st.sampled_from("ab \t\n\r\x0b\x0cé\u00a0")).map(str.encode)


def naive(path: str, content: bytes) -> FileDigest:
    """What a digest should be, computed the obvious way from the whole content."""
    sha256 = hashlib.sha256(content).hexdigest()
    if b"\0" in content[:SNIFFED]:
        return FileDigest(path, len(content), sha256=sha256, binary=True)
    lines, words = io.BytesIO(content).readlines(), content.split()
    return FileDigest(path, len(content), len(lines), len(words), sha256)


def entry_of(file: Path) -> FileEntry:
    return FileEntry(str(file.parent), file.name)


def in_pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(content) + 1) for cut in cuts} | {0, len(content)})
    return [content[a:b] for a, b in itertools.pairwise(places)]


@given(texts | st.binary(), st.lists(st.integers(min_value=0)))
@example(b"", [])
@example(b"no line feed", [])
@example(b"\n\n", [1])
@example(b"one word", [2])
@example(b"two words", [3])
@example(b"two words", [4])
@example(b"text and \0 then more text", [5])
def test_a_digest_does_not_depend_on_the_chunks(content: bytes, cuts: list[int]) -> None:
    assert measure("f", in_pieces(content, cuts)) == naive("f", content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"one line\n",
        b"word " * CHUNK,
        b"x" * (CHUNK - 1) + b"\n" + b"y" * CHUNK + b" z",
        b"a" * SNIFFED + b"\0 late",
        b"a" * (SNIFFED - 1) + b"\0 early",
    ],
    ids=["empty", "line", "words", "chunks", "text", "binary"],
)
async def test_the_step_measures_a_real_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)

    assert await trio.to_thread.run_sync(digest_file, entry_of(file)) == naive("file", content)


def test_a_nul_after_the_first_bytes_does_not_make_a_file_binary() -> None:
    assert not measure("f", [b"a" * SNIFFED, b"\0"]).binary
    assert measure("f", [b"a" * (SNIFFED - 1), b"\0"]).binary


def test_memory_stays_at_a_few_chunks_for_one_huge_line(tmp_path: Path) -> None:
    file = tmp_path / "huge"
    with file.open("wb") as out:
        for _ in range(64):
            out.write(b"word " * (CHUNK // 5))
    tracemalloc.start()
    try:
        digest = digest_entry(entry_of(file))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (digest.lines, digest.words) == (1, 64 * (CHUNK // 5))
    assert peak < 6 * CHUNK < digest.bytes / 10


def make_folder(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_nothing(path: Path) -> None:
    """Leave the path empty, as if the file had vanished since it was listed."""


@pytest.mark.parametrize(
    ("make", "problem", "detail"),
    [
        (make_folder, "not a file", "Is a directory"),
        (make_fifo, "not a file", "FIFO"),
        (make_loop, "link loop", "Too many levels of symbolic links"),
        (make_nothing, "vanished", "No such file or directory"),
    ],
)
def test_what_replaced_a_listed_file_is_a_problem_and_does_not_block(
    tmp_path: Path, make: Callable[[Path], None], problem: str, detail: str
) -> None:
    make(tmp_path / "file")

    digest = digest_entry(entry_of(tmp_path / "file"))

    assert (digest.problem, digest.detail) == (problem, detail)
    assert (digest.bytes, digest.lines, digest.words, digest.sha256) == (0, 0, 0, "")


def test_a_file_whose_folder_became_a_file_has_vanished(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")

    digest = digest_entry(FileEntry(str(tmp_path), "folder/file"))

    assert (digest.problem, digest.detail) == ("vanished", "Not a directory")


def test_a_socket_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        digest = digest_entry(FileEntry(".", "socket"))

    # The system refuses to open one; files.list tells sockets apart before it comes to that.
    assert (digest.problem, digest.detail) == ("unreadable", os.strerror(errno.ENXIO))


def test_a_name_that_is_too_long_is_unreadable(tmp_path: Path) -> None:
    digest = digest_entry(FileEntry(str(tmp_path), "x" * 5000))

    assert (digest.problem, digest.detail) == ("unreadable", "File name too long")


@pytest.mark.usefixtures("enforced_permissions")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.touch(mode=0)

    digest = digest_entry(entry_of(file))

    assert (digest.problem, digest.detail) == ("unreadable", "Permission denied")


@pytest.mark.parametrize("name", [r"a\x00b", r"\ud800"])
def test_a_name_that_no_file_can_have_counts_as_vanished(tmp_path: Path, name: str) -> None:
    assert digest_entry(FileEntry(str(tmp_path), name)).problem == "vanished"


def test_the_problem_of_an_entry_is_handed_on() -> None:
    entry = FileEntry(".", "link", "broken link", "No such file or directory")

    digest = digest_entry(entry)

    assert digest == FileDigest("link", problem=entry.problem, detail=entry.detail)


async def test_the_step_notices_that_it_is_cancelled(tmp_path: Path) -> None:
    file = tmp_path / "sparse"
    with file.open("wb") as out:
        out.truncate(64 * 1024**3)  # takes no room on disk, and minutes to hash

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, digest_file, entry_of(file))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert nursery.cancel_scope.cancelled_caught

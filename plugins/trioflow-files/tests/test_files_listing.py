"""The list of a folder holds each file once, and what cannot be read with its reason."""

import os
import pickle
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trioflow_files import FileEntry, Folder, RootError, list_files
from trioflow_files.listing import list_entries

from trioflow import NonRetryableError


def problems(root: Path) -> dict[str, tuple[str | None, str]]:
    return {entry.path: (entry.problem, entry.detail) for entry in list_entries(str(root))}


async def test_files_are_sorted_by_path_from_the_root(tmp_path: Path) -> None:
    for name in ["b", "a-b", "a/z", "a/b/c", "ä", "B"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    entries = await trio.to_thread.run_sync(list_files, Folder(str(tmp_path)))

    assert [entry.path for entry in entries] == ["B", "a-b", "a/b/c", "a/z", "b", "ä"]
    assert {entry.root for entry in entries} == {str(tmp_path)}
    assert {entry.problem for entry in entries} == {None}


def test_a_root_may_be_relative_and_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").touch()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)

    assert list_entries("link") == [FileEntry("link", "file")]


def test_an_empty_folder_has_no_files(tmp_path: Path) -> None:
    assert list_entries(str(tmp_path)) == []


def test_git_folders_and_files_are_left_out_everywhere(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / ".git").write_text("gitdir: elsewhere")
    (tmp_path / ".github").touch()

    assert list(problems(tmp_path)) == [".github"]


def test_links_that_lead_somewhere_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "to-file").symlink_to("folder/file")
    (tmp_path / "to-folder").symlink_to("folder")

    assert list(problems(tmp_path)) == ["folder/file"]


def test_links_that_lead_nowhere_are_problems(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "through-a-file").symlink_to("file/inner")
    (tmp_path / "long").symlink_to("x" * 300)

    assert problems(tmp_path) == {
        "file": (None, ""),
        "gone": ("broken link", "No such file or directory"),
        "long": ("unreadable", "File name too long"),
        "through-a-file": ("broken link", "Not a directory"),
    }


def test_links_that_lead_in_a_circle_are_problems(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "here").symlink_to(".")
    (tmp_path / "folder" / "up").symlink_to(tmp_path)

    assert problems(tmp_path) == {
        "a": ("link loop", "Too many levels of symbolic links"),
        "b": ("link loop", "Too many levels of symbolic links"),
        "folder/here": ("link loop", "leads to a folder that contains it"),
        "folder/up": ("link loop", "leads to a folder that contains it"),
    }


def test_special_files_are_problems_and_do_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        found = problems(tmp_path)

    assert found == {"fifo": ("not a file", "FIFO"), "socket": ("not a file", "socket")}


def test_a_name_that_is_not_utf_8_is_escaped(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9")).touch()

    assert list(problems(tmp_path)) == [r"caf\xe9"]


@pytest.mark.usefixtures("enforced_permissions")
def test_a_folder_without_permission_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir(mode=0)

    assert problems(tmp_path) == {"secret": ("unreadable", "Permission denied")}


def test_a_path_that_is_too_long_is_a_problem(tmp_path: Path) -> None:
    folder, deepest = os.open(tmp_path, os.O_RDONLY), ""
    for _ in range(25):  # step by step, as no system call takes the whole path
        os.mkdir("x" * 200, dir_fd=folder)
        inner = os.open("x" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder, deepest = inner, f"{deepest}/{'x' * 200}"
    os.close(folder)

    (entry,) = list_entries(str(tmp_path))

    assert f"{deepest}/".startswith(f"/{entry.path}/")
    assert (entry.problem, entry.detail) == ("unreadable", "File name too long")


@pytest.mark.parametrize("victim", ["file", "folder"])
def test_what_vanishes_while_it_is_listed_is_a_problem(tmp_path: Path, victim: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    remove: dict[str, Callable[[Path], None]] = {"file": Path.unlink, "folder": Path.rmdir}

    def remove_it() -> None:  # called when the names are known and nothing was looked at
        if (tmp_path / victim).exists():
            remove[victim](tmp_path / victim)

    found = {entry.path: entry.problem for entry in list_entries(str(tmp_path), remove_it)}

    assert found[victim] == "vanished"


def test_a_folder_that_vanishes_before_it_is_entered_is_a_problem(tmp_path: Path) -> None:
    for name in ["a", "b"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    checks = 0

    def remove_the_other() -> None:
        nonlocal checks
        checks += 1
        if checks == 3:  # in the first of the two, with the second one still to come
            for name in ["a", "b"]:
                shutil.rmtree(tmp_path / name)

    found = {entry.path: entry.problem for entry in list_entries(str(tmp_path), remove_the_other)}

    assert sorted(found) in (["a", "b/file"], ["a/file", "b"])
    assert set(found.values()) == {"vanished"}


def nothing(place: Path) -> str:
    return str(place)


def file(place: Path) -> str:
    place.touch()
    return str(place)


def broken_link(place: Path) -> str:
    place.symlink_to("nowhere")
    return str(place)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (nothing, "No such file or directory"),
        (file, "Not a directory"),
        (broken_link, "No such file or directory"),
        (lambda place: "", "No such file or directory"),
        (lambda place: f"{place}\0", "embedded null byte"),
    ],
    ids=["missing", "file", "broken link", "empty", "NUL"],
)
def test_a_root_that_cannot_be_listed_is_an_error(
    tmp_path: Path, make: Callable[[Path], str], problem: str
) -> None:
    with pytest.raises(RootError) as caught:
        list_entries(make(tmp_path / "root"))

    assert caught.value.problem == problem
    assert "give it the path of a folder" in str(caught.value)
    assert isinstance(caught.value, NonRetryableError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


async def test_the_step_notices_that_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    listdir = os.listdir

    def cancel_and_list(path: str) -> list[str]:
        trio.from_thread.run_sync(scope.cancel)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", cancel_and_list)
    with trio.CancelScope() as scope:
        await trio.to_thread.run_sync(list_files, Folder(str(tmp_path)))

    assert scope.cancelled_caught

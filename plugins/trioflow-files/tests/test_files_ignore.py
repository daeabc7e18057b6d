"""Rules of .gitignore files mean what they mean to git, which is asked if it is installed."""

import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trioflow_files.ignore import RuleFile, is_ignored, parse_rule
from trioflow_files.listing import list_entries
from trioflow_files.names import to_path

Tree = dict[str, str]
"""Content by path. A path that ends in a slash is an empty folder."""


def grow(root: Path, tree: Tree) -> None:
    for path, content in tree.items():
        place = root / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(os.fsencode(content))


def listed(root: Path) -> list[str]:
    return [entry.path for entry in list_entries(str(root))]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("", {"a.py", "b.log", "deep/a.py", "deep/b.log", "deep/er/a.py"}),
        ("*.log", {"a.py", "deep/a.py", "deep/er/a.py"}),
        ("*.log\n!b.log", {"a.py", "b.log", "deep/a.py", "deep/b.log", "deep/er/a.py"}),
        ("!b.log\n*.log", {"a.py", "deep/a.py", "deep/er/a.py"}),
        ("/a.py", {"b.log", "deep/a.py", "deep/b.log", "deep/er/a.py"}),
        ("deep/a.py", {"a.py", "b.log", "deep/b.log", "deep/er/a.py"}),
        ("deep/", {"a.py", "b.log"}),
        ("a.py/", {"a.py", "b.log", "deep/a.py", "deep/b.log", "deep/er/a.py"}),
        ("deep/**", {"a.py", "b.log"}),
        ("deep/**/a.py", {"a.py", "b.log", "deep/b.log"}),
        ("**/er", {"a.py", "b.log", "deep/a.py", "deep/b.log"}),
        ("*\n!*/\n!*.py", {"a.py", "deep/a.py", "deep/er/a.py"}),
        ("deep/*\n!deep/er", {"a.py", "b.log", "deep/er/a.py"}),
        ("deep\n!deep/a.py", {"a.py", "b.log"}),  # nothing in an ignored folder comes back
        ("**", set()),
        ("# comment\n\n!\n/\n*.py", {"b.log", "deep/b.log"}),
        ("*.log   \r\na.py\\ \r", {"a.py", "deep/a.py", "deep/er/a.py"}),
        ("\ufeff*.log", {"a.py", "deep/a.py", "deep/er/a.py"}),
        ("[z-a]\n[ab\n*.log", {"a.py", "deep/a.py", "deep/er/a.py"}),  # nonsense is skipped
    ],
)
def test_a_rule_file_leaves_out_what_git_would(tmp_path: Path, rules: str, kept: set[str]) -> None:
    files = ["a.py", "b.log", "deep/a.py", "deep/b.log", "deep/er/a.py"]
    grow(tmp_path, {".gitignore": rules, **dict.fromkeys(files, "")})

    assert set(listed(tmp_path)) - {".gitignore"} == kept


def test_a_deeper_rule_file_wins_over_a_higher_one(tmp_path: Path) -> None:
    grow(tmp_path, {".gitignore": "*.log\nkeep", "sub/.gitignore": "!*.log\n!keep"})
    grow(tmp_path, {"a.log": "", "keep": "", "sub/a.log": "", "sub/keep": "", "other/a.log": ""})

    assert listed(tmp_path) == [".gitignore", "sub/.gitignore", "sub/a.log", "sub/keep"]


def test_re_including_a_folder_does_not_re_include_what_else_is_ignored_in_it(
    tmp_path: Path,
) -> None:
    grow(tmp_path, {".gitignore": "*.log\nkeep", "sub/.gitignore": "!keep"})
    grow(tmp_path, {"sub/keep/a.log": "", "sub/keep/a.py": ""})

    assert listed(tmp_path) == [".gitignore", "sub/.gitignore", "sub/keep/a.py"]


def test_an_ignored_folder_is_not_entered_for_its_own_rules(tmp_path: Path) -> None:
    grow(tmp_path, {".gitignore": "sub", "sub/.gitignore": "!*", "sub/a": ""})

    assert listed(tmp_path) == [".gitignore"]


def test_rules_find_names_that_are_not_utf_8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    grow(tmp_path, {".gitignore": name, name: "", os.fsdecode(b"caf\xe8"): ""})

    assert listed(tmp_path) == [".gitignore", r"caf\xe8"]


@pytest.mark.parametrize("rules", ["folder", "fifo", "link", "broken link"])
def test_rules_that_cannot_be_read_are_no_rules(tmp_path: Path, rules: str) -> None:
    place = tmp_path / ".gitignore"
    if rules == "folder":
        place.mkdir()
    elif rules == "fifo":
        os.mkfifo(place)
    elif rules == "link":
        (tmp_path / "rules").write_text("*.py")
        place.symlink_to("rules")
    else:
        place.symlink_to("nowhere")
    grow(tmp_path, {"a.py": ""})

    assert "a.py" in listed(tmp_path)


@pytest.mark.parametrize(
    "line",
    [b"", b"#x", b"/", b"!", b"!/", b"x\\", b"[x", b"[[:x:]]", b"a\\/", b"[!\x01-\xff]"],
)
def test_a_line_that_matches_nothing_is_no_rule(line: bytes) -> None:
    assert parse_rule(line) is None


def test_a_link_to_a_folder_is_no_folder_to_a_rule() -> None:
    rule = parse_rule(b"build/")
    assert rule is not None
    files = (RuleFile(b"", (rule,)),)

    assert is_ignored("build", True, files)
    assert not is_ignored("build", False, files)


# ---------------------------------------------------------------- as git does it
Kind = Literal["file", "link", "folder"]
Forest = dict[bytes, tuple[Kind, bytes]]
"""Kind and content by path."""

names = st.lists(
    st.sampled_from([b"a", b"b", b"A", b"1", b".", b"-", b"]", b"[", b"!", b"^", b"#", b"\\"])
    | st.sampled_from([b" ", b"\t", b"\r", b"\n", b"*", b"?", b"\xc3\xa9", b"\xe9", b"\x0b"]),
    min_size=1,
    max_size=4,
).map(b"".join)
usual_names = st.sampled_from([b"a", b"b", b"ab", b"a.b", b".a", b"#a", b"!b", b"a b", b"a ", b"1"])
paths = st.lists(usual_names | names, min_size=1, max_size=3).map(b"/".join)
brackets = st.sampled_from(
    b"[[:digit:]] [![:upper:]] [[:alpha:]-] [[:space:][:punct:]] [[:word:]] [!a] [^a] [\\]a] []a]"
    b" [!]] [a-] [-a] [a-b1] [b-a] [ab [[:digit:] [[:] [[:]] [[] [\\a-b] [a-\\b] [a-b-c] [!/] [a/b]"
    b" [[:d]] [a-[:digit:]] [\xc3\xa9] [!-b] [--b] [!-~] [\\ [ []".split()
)
wildcards = st.sampled_from([b"*", b"**", b"***", b"?", b"*.", b"/", b"/", b"**/", b"/**", b"\\/"])
quoted = st.sampled_from([b"\\#", b"\\!", b"\\ ", b"\\\\", b"\\a", b"\\*", b"\\[", b"\\"])
segments = usual_names | names | wildcards | brackets | quoted
lines = st.builds(
    b"".__class__.join,
    st.just(b""),
    st.tuples(
        st.sampled_from([b"", b"", b"", b"!", b"/", b"!/", b"#"]),
        st.lists(segments, min_size=1, max_size=4).map(b"".join),
        st.sampled_from([b"", b"", b"", b"/", b" ", b"  ", b"\t", b"\\ ", b"\r", b"\r\r", b" \r"]),
    ),
)
rule_files = st.builds(
    b"".__class__.__add__,
    st.sampled_from([b"", b"", b"", b"", b"\xef\xbb\xbf", b"x\0y\n"]),
    st.lists(lines, min_size=1, max_size=4).map(b"\n".join),
)


kinds: st.SearchStrategy[Kind] = st.sampled_from(["file", "file", "file", "link", "folder"])


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    """Files with rules here and there; no path leads through another file."""
    found = {path for path in draw(st.sets(paths, min_size=1, max_size=8)) if is_name(path)}
    folders = {path[:at] for path in found for at, byte in enumerate(path) if byte == ord("/")}
    forest: Forest = dict.fromkeys(sorted(found - folders), ("file", b""))
    for folder in [b"", *sorted(folders)]:
        if not folder or draw(st.booleans()):
            kind = draw(kinds)
            forest[os.path.join(folder, b".gitignore")] = (kind, draw(rule_files))
    if draw(st.booleans()):
        kind = draw(kinds.filter(lambda kind: kind != "folder"))
        forest[b".git/info/exclude"] = (kind, draw(rule_files))
    return forest


def is_name(path: bytes) -> bool:
    return not {b".", b"..", b".git", b".gitignore"} & set(path.split(b"/"))


def plant(root: bytes, forest: Forest) -> None:
    for number, (path, (kind, content)) in enumerate(forest.items()):
        place = os.path.join(root, path)
        os.makedirs(place if kind == "folder" else os.path.dirname(place), exist_ok=True)
        if kind == "link":
            os.symlink(b"%s/../rules%d" % (root, number), place)
            place = b"%s/../rules%d" % (root, number)
        if kind != "folder":
            with open(place, "wb") as file:
                file.write(content)


def listed_by_git(root: bytes) -> set[bytes]:
    """Return what git lists, without links, which are not listed here."""
    nothing = os.devnull
    variables = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": nothing, "HOME": nothing}
    env = {**os.environ, **variables, "XDG_CONFIG_HOME": nothing}
    found = subprocess.run(
        ["git", "-C", root, "ls-files", "-coz", "--exclude-standard"],
        env=env,
        check=True,
        capture_output=True,
    ).stdout
    names = {name for name in found.split(b"\0") if name}
    return {name for name in names if not os.path.islink(os.path.join(root, name))}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``git init`` makes, to be copied."""
    root = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", "--template=", root], check=True)
    return root / ".git"


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def check_as_git(repository: Path, forest: Forest) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")  # of `re`, about brackets
        root = os.path.join(folder, "root")
        shutil.copytree(repository, os.path.join(root, ".git"))
        plant(os.fsencode(root), forest)
        entries = [entry for entry in list_entries(root) if entry.problem is None]

        assert {os.fsencode(to_path(entry.path)) for entry in entries} == listed_by_git(
            os.fsencode(root)
        )


@needs_git
@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(forest=forests())
@example(
    forest={b"a/a.b": ("file", b""), b"a.b": ("file", b""), b".gitignore": ("file", b"*\n!*/\n")}
)
@example(forest={b"x/ab/c": ("file", b""), b".gitignore": ("file", b"x/a**/c")})
@example(forest={b"x/ab/d/c": ("file", b""), b".gitignore": ("file", b"x/a**/c")})
def test_a_folder_is_listed_as_git_lists_it(repository: Path, forest: Forest) -> None:
    check_as_git(repository, forest)


@pytest.mark.slow  # hundreds of processes
@needs_git
@settings(deadline=None, max_examples=800, suppress_health_check=list(HealthCheck))
@given(forest=forests())
def test_many_folders_are_listed_as_git_lists_them(repository: Path, forest: Forest) -> None:
    check_as_git(repository, forest)


@needs_git
def test_a_folder_with_rules_from_the_usual_templates_is_listed_as_by_git(
    repository: Path,
) -> None:
    rules = (
        b"Icon\r\r\n._*\n[Bb]in/\n*.py[cod]\n!.vscode/*.json\n.vscode/*\n**/[Pp]ackages/*\n"
        b"!?*.[Cc]ache/\n~$*\n*~\n[Ll]og/\n/build*/\n*.[Rr]e[Ss]harper\n__pycache__/\n"
    )
    names = [b"Icon\r", b"Icon", b"._x", b"bin/a", b"Bin/a", b"a.pyc", b"a.py", b".vscode/a.json"]
    names += [b".vscode/b", b"x/Packages/y", b"z.cache/a", b"~$a", b"a~", b"Log/x", b"build1/x"]
    names += [b"sub/build/x", b"x.ReSharper", b"sub/__pycache__/a.pyc"]
    forest: Forest = dict.fromkeys(names, ("file", b""))

    check_as_git(repository, {**forest, b".gitignore": ("file", rules)})


# ---------------------------------------------------------------- time
@pytest.mark.parametrize(
    "pattern",
    [b"*a" * 30 + b"b", b"x/" + b"*a" * 30 + b"b", b"**/a/" * 30 + b"b", b"**/*a*" * 20 + b"/b"],
)
def test_no_pattern_takes_long_to_match(pattern: bytes) -> None:
    rule = parse_rule(pattern)
    assert rule is not None

    assert not rule.matches(b"x/" + b"a" * 250, False)
    assert not rule.matches(b"a/" * 250 + b"a", False)

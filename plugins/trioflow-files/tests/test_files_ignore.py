"""Rules of .gitignore files mean what they mean to git, which is asked if it is installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trioflow_files.ignore import RuleFile, is_ignored, parse_rule
from trioflow_files.listing import list_entries

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


def listed_by_git(root: Path) -> list[str]:
    def git(*args: str) -> bytes:
        config = ["-c", "core.excludesFile=", "-c", "core.quotePath=false"]
        return subprocess.run(
            ["git", *config, *args], cwd=root, check=True, stdout=subprocess.PIPE
        ).stdout

    git("init", "-q", "--template=")
    names = git("ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
    return sorted(os.fsdecode(name) for name in names if name)


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


@pytest.mark.parametrize("rules", ["folder", "fifo", "link"])
def test_rules_that_cannot_be_read_are_no_rules(tmp_path: Path, rules: str) -> None:
    place = tmp_path / ".gitignore"
    if rules == "folder":
        place.mkdir()
    elif rules == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("nowhere")
    grow(tmp_path, {"a.py": ""})

    assert "a.py" in listed(tmp_path)


@pytest.mark.parametrize("line", ["", "#x", "/", "!", "!/", "x\\", "[x", "[z-a]"])
def test_a_line_without_meaning_is_no_rule(line: str) -> None:
    assert parse_rule(line) is None


def test_a_link_to_a_folder_is_no_folder_to_a_rule() -> None:
    rule = parse_rule("build/")
    assert rule is not None
    files = (RuleFile("", (rule,)),)

    assert is_ignored("build", True, files)
    assert not is_ignored("build", False, files)


names = st.sampled_from(["a", "b", "ab", "a.b", ".a", "#a", "!b", "a b"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
segments = names | st.sampled_from(["*", "**", "?", "a*", "*b", "*.b", "[ab]", "[!a]", "\\#a"])
lines = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "!", "/", "!/"]),
    st.lists(segments, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "", "/"]),
    st.sampled_from(["", "", " ", "\r"]),
)
rule_files = st.lists(lines, min_size=1, max_size=4).map("\n".join)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Files with rules here and there; no path leads through another file."""
    files = draw(st.sets(paths, min_size=1, max_size=8))
    folders = {str(parent) for path in files for parent in Path(path).parents} - {"."}
    tree = dict.fromkeys(sorted(files - folders), "")
    for folder in ["", *sorted(folders)]:
        if not folder or draw(st.booleans()):
            tree[os.path.join(folder, ".gitignore")] = draw(rule_files)
    return tree


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed to compare with")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(trees())
@example({".gitignore": "*\n!*/\n!*.b", "a/a.b": "", "a/b": "", "a.b": ""})
@example({".gitignore": "a/**\n!a/b", "a/b/a": "", "a/a": "", "a/b/.gitignore": "**/a"})
def test_a_folder_is_listed_as_git_lists_it(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as folder:
        grow(Path(folder), tree)

        assert listed(Path(folder)) == listed_by_git(Path(folder))

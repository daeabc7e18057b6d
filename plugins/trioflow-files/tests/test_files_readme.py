"""The examples of the README run as they stand there, those of the guide included."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import trio

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
FILES = {block.splitlines()[0].removeprefix("# "): block for block in BLOCKS if block[0] == "#"}
SCRIPTS = [block for block in BLOCKS if block[0] != "#"]


@pytest.mark.parametrize("script", SCRIPTS, ids=["report", "by id"])
def test_a_script_of_the_readme_runs(
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "notes.txt").write_text("TODO: write\n")
    monkeypatch.chdir(tmp_path)

    exec(compile(script, str(README), "exec"), {"__name__": "__main__"})

    assert capsys.readouterr().out.startswith("1 ")


def test_the_plugin_of_the_guide_passes_its_own_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "tests")
    try:
        module = importlib.import_module("test_words")
        trio.run(module.test_words_are_streamed_and_counted)
    finally:
        for name in ["test_words", "trioflow_words"]:
            sys.modules.pop(name, None)

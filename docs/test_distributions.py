"""The plugins of the pages can be built and hold their module and their entry point."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from _tools.transcripts import save_files

DOCS = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "module"), [("howto/plugin", "greetings"), ("tutorial/8-plugin", "intake_plugin")]
)
def test_the_plugin_of_a_page_can_be_built(page: str, module: str, tmp_path: Path) -> None:
    save_files((DOCS / f"{page}.md").read_text("utf-8"), tmp_path)

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "made", "."],
        cwd=tmp_path,
        check=True,
    )

    [wheel] = (tmp_path / "made").glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        [entries] = [name for name in names if name.endswith("entry_points.txt")]
        assert f"{module}.py" in names
        assert f"= {module}" in files.read(entries).decode()

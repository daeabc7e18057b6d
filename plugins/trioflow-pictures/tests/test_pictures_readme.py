"""What the README says is tried: its program runs, and its images are there."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text("utf-8")


def test_the_program_draws_both_pictures(tmp_path: Path) -> None:
    [program] = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True)

    ET.fromstring((tmp_path / "hotel.svg").read_text("utf-8"))
    page = (tmp_path / "hotel.html").read_text("utf-8")
    assert '"label":"ask_price"' in page
    assert page.count('"kind":"item"') == 2


def test_its_images_are_there() -> None:
    images: list[str] = re.findall(r'<img src="(.*?)"', TEXT)

    assert len(images) == 2
    assert all((README.parent / image).is_file() for image in images)

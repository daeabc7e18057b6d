"""Links of the distribution: relative until there is a public address, absolute from then on."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
ADDRESS = "https://example.org/trioflow"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.pop("hatch_build", None)
    spec.loader.exec_module(module)
    return module


def test_nothing_changes_without_an_address(hook: ModuleType) -> None:
    text = (ROOT / "README.md").read_text("utf-8")

    assert hook.absolute_links(text, "") == text
    assert hook.urls_of("", "") == {}


def test_all_links_are_absolute_with_an_address(hook: ModuleType) -> None:
    text = hook.absolute_links((ROOT / "README.md").read_text("utf-8"), ADDRESS)

    links = re.findall(r'\]\(([^)]+)\)|src="([^"]+)"', text)
    assert links
    assert [a or b for a, b in links if not (a or b).startswith("https://")] == []
    assert f"]({ADDRESS}/blob/main/docs/start/install.md)" in text
    assert f'src="{ADDRESS}/raw/main/plugins/' in text


def test_the_distribution_gets_its_urls(hook: ModuleType) -> None:
    urls = hook.urls_of(ADDRESS, "https://trioflow.example.org/")

    assert urls["Source"] == ADDRESS
    assert urls["Documentation"] == "https://trioflow.example.org/"

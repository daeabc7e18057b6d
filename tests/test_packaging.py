"""What is published: trioflow itself, and each plugin as a distribution of its own."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from trioflow._version import __version__

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
PROJECTS = [ROOT, *PLUGINS]
REQUIREMENT = re.compile(r'^ +"[\w.-]+(\[[\w,]+\])?[<>=~].*",')


def read(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text("utf-8"))


def test_the_installed_version_is_the_one_of_this_checkout() -> None:
    assert importlib.metadata.version("trioflow") == __version__


def test_the_development_extra_holds_all_others() -> None:
    extras = read(ROOT)["project"]["optional-dependencies"]
    [own] = [text for text in extras["dev"] if text.startswith("trioflow[")]

    assert set(own.removeprefix("trioflow[").removesuffix("]").split(",")) == set(extras) - {"dev"}


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_every_dependency_says_why_it_is_there(project: Path) -> None:
    lines = (project / "pyproject.toml").read_text("utf-8").splitlines()
    unexplained = [line for line in lines if REQUIREMENT.match(line) and "#" not in line]

    assert unexplained == []


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_every_distribution_says_what_it_is(project: Path) -> None:
    about = read(project)["project"]

    assert about["license"] == "MIT"
    assert about["requires-python"] == ">=3.11"
    assert about["description"]
    for file in ("LICENSE", about.get("readme", "README.md")):
        assert (project / file).is_file()


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_every_plugin_is_found_by_its_entry_point_and_has_types_and_tests(plugin: Path) -> None:
    about = read(plugin)["project"]
    [package] = read(plugin)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert package == plugin.name.replace("-", "_")
    assert about["name"] == plugin.name
    assert package in {
        name.partition(".")[0] for name in about["entry-points"]["trioflow"].values()
    }
    assert any(re.match(r"trioflow(\[\w+\])?>=", text) for text in about["dependencies"])
    assert (plugin / package / "py.typed").is_file()
    assert any((plugin / "tests").glob("test_*.py"))

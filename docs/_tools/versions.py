"""Put a built site among those of other versions: ``python -m _tools.versions BUILT PUBLISHED``.

The site goes to ``PUBLISHED/1.2`` if it is that of a release, otherwise to ``PUBLISHED/dev``.
``stable`` is a copy of the highest release, and ``versions.json`` lists them all, highest first.
The first page leads to ``stable``, or to ``dev`` while there is no release.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

RELEASE = re.compile(r"(\d+)\.(\d+)\.\d+")
FOLDER = re.compile(r"\d+\.\d+")
FIRST_PAGE = (
    '<!doctype html><meta http-equiv="refresh" content="0; url={0}/"><a href="{0}/">{0}</a>\n'
)


def publish(built: Path, published: Path, version: str) -> None:
    """Add a site, in place of an earlier one of the same minor version.

    Args:
      built: The folder of the built site.
      published: The folder with the sites of all versions.
      version: The version that the site is about; ``"1.2.0"`` is a release, ``"1.3.0.dev1"`` not.
    """
    release = RELEASE.fullmatch(version)
    replace(built, published / (f"{release[1]}.{release[2]}" if release else "dev"))
    versions = releases(published)
    if versions:
        replace(published / versions[0], published / "stable")
    listed = [*versions, *(name for name in ["dev"] if (published / name).exists())]
    (published / "versions.json").write_text(json.dumps(listed) + "\n", "utf-8")
    first = "stable" if versions else "dev"
    (published / "index.html").write_text(FIRST_PAGE.format(first), "utf-8")


def releases(published: Path) -> list[str]:
    """Return the minor versions that have a site, highest first."""
    names = [path.name for path in published.iterdir() if FOLDER.fullmatch(path.name)]
    return sorted(names, key=lambda name: tuple(map(int, name.split("."))), reverse=True)


def replace(source: Path, target: Path) -> None:
    """Copy a folder in place of another one."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".doctrees", ".buildinfo"))


if __name__ == "__main__":
    from trioflow._version import __version__

    publish(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if sys.argv[3:] else __version__)

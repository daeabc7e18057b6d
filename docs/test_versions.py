"""Sites of several versions stand beside each other."""

from __future__ import annotations

import json
from pathlib import Path

from _tools.versions import publish


def test_versions_stand_beside_each_other(tmp_path: Path) -> None:
    built, published = tmp_path / "built", tmp_path / "published"
    built.mkdir()
    shown = {}

    for version in ("0.1.0.dev3", "0.9.0", "0.10.0", "0.9.1"):
        (built / "index.html").write_text(version, "utf-8")
        publish(built, published, version)
        shown[version] = (published / "index.html").read_text("utf-8")

    assert json.loads((published / "versions.json").read_text("utf-8")) == ["0.10", "0.9", "dev"]
    folders = ("dev", "0.9", "0.10", "stable")
    texts = [(published / folder / "index.html").read_text("utf-8") for folder in folders]
    assert texts == ["0.1.0.dev3", "0.9.1", "0.10.0", "0.10.0"]
    assert "url=dev/" in shown["0.1.0.dev3"]
    assert "url=stable/" in shown["0.9.0"]


def test_a_site_replaces_the_earlier_one(tmp_path: Path) -> None:
    built, published = tmp_path / "built", tmp_path / "published"
    built.mkdir()
    (built / "gone.html").touch()
    publish(built, published, "1.0.0")
    (built / "gone.html").unlink()
    (built / "new.html").touch()

    publish(built, published, "1.0.1")

    assert [path.name for path in (published / "1.0").iterdir()] == ["new.html"]
    assert [path.name for path in (published / "stable").iterdir()] == ["new.html"]

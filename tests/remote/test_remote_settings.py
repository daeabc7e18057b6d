"""The settings of a process that bodies change, and that are undone."""

from __future__ import annotations

import os
from typing import Any

import pytest

from trioflow.runners.remote._undoing import SETTINGS, Setting, Settings


def test_settings_are_noted_again_when_something_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REMOTE_STEPS", "before")
    settings = Settings()
    settings.note()
    monkeypatch.setenv("REMOTE_STEPS", "after")
    settings.note(changed=True)
    os.environ["REMOTE_STEPS"] = "by a body"
    os.environ["REMOTE_STEPS_TOO"] = "by a body"

    assert settings.restore()
    assert os.environ["REMOTE_STEPS"] == "after"
    assert "REMOTE_STEPS_TOO" not in os.environ


def test_what_cannot_be_restored_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"value": 1}

    def refuse(_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("trioflow.runners.remote._undoing.SETTINGS", (Setting(found.copy, refuse),))
    settings = Settings()
    settings.note()
    assert settings.restore()
    found["value"] = 2
    assert not settings.restore()
    assert len(SETTINGS) > 10

"""The files of "From one process to a cluster": valid, and started as processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from trioflow._cli.app import make_app

FILES = Path(__file__).parent / "cluster"
COMPOSE = yaml.safe_load((FILES / "compose.yaml").read_text("utf-8"))
MANIFESTS = list(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text("utf-8")))
VERSIONS = ("1.29.0", kubernetes_validate.latest_version())


def test_the_compose_file_fits_the_schema_of_compose() -> None:
    # The schema of the Compose specification, as it is published by compose-spec/compose-spec.
    schema = json.loads((FILES / "compose-spec.json").read_text("utf-8"))

    jsonschema.Draft7Validator(schema).validate(COMPOSE)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}"
)
def test_the_manifests_fit_the_schemas_of_kubernetes(
    manifest: Mapping[str, Any], version: str
) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def commands() -> Iterator[Sequence[str]]:
    """Yield the arguments of `trioflow` in both files."""
    for service in COMPOSE["services"].values():
        if "command" in service:
            yield service["command"]
    for manifest in MANIFESTS:
        template = manifest.get("spec", {}).get("template", {})
        for container in template.get("spec", {}).get("containers", ()):
            yield container["args"]


@pytest.mark.parametrize("command", [*commands()], ids=" ".join)
def test_their_commands_exist(command: Sequence[str]) -> None:
    if command[0] == "worker":
        _, bound, _ = make_app().parse_args(command, exit_on_error=False, print_error=False)
        assert bound.arguments["targets"] == ("photos:photos",)
    else:
        assert command[:2] == ["serve", "photos:photos"]  # a plugin's command


def test_a_worker_may_drain_within_its_grace() -> None:
    drain = {
        command[command.index("--drain") + 1] for command in commands() if "--drain" in command
    }
    graces = [
        int(COMPOSE["services"]["worker"]["stop_grace_period"].removesuffix("s")),
        MANIFESTS[1]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
    ]

    assert drain == {"30"}
    assert min(graces) > 30


def test_secrets_are_in_no_file() -> None:
    for file in ("compose.yaml", "kubernetes.yaml", "Dockerfile"):
        text = (FILES / file).read_text("utf-8")
        assert "PGPASSWORD: $" in text or "PGPASSWORD:" not in text


@pytest.mark.slow
def test_the_same_starts_as_processes(tmp_path: Path) -> None:
    for file in ("photos.py", "start.sh"):
        shutil.copy(FILES / file, tmp_path)
    programs = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "TRIOFLOW_STORE": "sqlite:runs.db",
        "TRIOFLOW_VALUES": "folder:values",
        "PORT": "0",
    }

    def trioflow(*arguments: str) -> str:
        command = [f"{programs}/trioflow", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, check=True, text=True
        )
        return done.stdout

    with subprocess.Popen(["./start.sh", "2"], cwd=tmp_path, env=environment) as started:
        try:
            for name in "abc":
                trioflow("submit", "photos:photos", "--input", f'"{name}"', "--run-id", name)
            ends = time.monotonic() + 120
            while '"status": "success"' not in (shown := trioflow("runs", "--json")) or (
                shown.count('"status": "success"') < 3
            ):
                assert time.monotonic() < ends, shown
                time.sleep(0.5)
            assert len([file for file in (tmp_path / "values").rglob("*") if file.is_file()]) == 3
        finally:
            started.send_signal(signal.SIGTERM)
        started.wait(60)
    assert '"owner": null' in trioflow("runs", "--json")

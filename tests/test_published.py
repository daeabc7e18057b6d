"""What is built and installed works: trioflow, and plugins that know only what is published.

The wheels are installed into an environment of their own that holds nothing else, and tried
from its command line, away from this checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BUILT = [
    ROOT,
    ROOT / "plugins/trioflow-msgspec",
    ROOT / "plugins/trioflow-pydantic",
    ROOT / "plugins/trioflow-sql",
    ROOT / "tests/sample_plugin",
    ROOT / "tests/sample_models",
]
USAGE, SUSPENDED = 2, 3
"""The exit codes of a command that cannot be done, and of a run that waits."""
Trioflow = Callable[..., "subprocess.CompletedProcess[str]"]


def call(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that sees nothing of the environment that these tests run in."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "TRIOFLOW_DISABLE", "COVERAGE_PROCESS_START")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of all that is tried here."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in BUILT:
        built = call(sys.executable, "-m", "build", "-w", "-o", folder, project, cwd=folder)
        assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment."""
    folder = tmp_path_factory.mktemp("site")
    venv.create(folder / "venv", with_pip=True)
    return folder


def install(site: Path, wheels: Path, *names: str) -> None:
    """Install distributions from their wheels, and what they need."""
    pip = ("-m", "pip", "install", "-q", "--find-links", wheels)
    done = call(site / "venv/bin/python", *pip, *names, cwd=site)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def sample(site: Path, wheels: Path) -> Trioflow:
    """The command line of an environment with trioflow and a sample plugin."""
    install(site, wheels, "trioflow[cli]", "trioflow-sample")
    return lambda *arguments: call(site / "venv/bin/trioflow", *arguments, cwd=site)


@pytest.fixture(scope="module")
def models(sample: Trioflow, site: Path, wheels: Path) -> Trioflow:
    """The same with a plugin on models, which brings those that it needs."""
    install(site, wheels, "trioflow-sample-models")
    return sample


def run(trioflow: Trioflow, workflow: str, value: object) -> Any:
    """Run a workflow by its name and return what it prints."""
    done = trioflow("run", workflow, "--input", json.dumps(value))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_command_of_a_plugin_that_is_not_installed_says_how_to_get_it(sample: Trioflow) -> None:
    done = sample("timeline", "r", "--html", "r.html")

    remedy = "install it with: pip install trioflow-pictures"
    assert done.returncode == USAGE
    assert done.stderr == f"trioflow: timeline needs trioflow-pictures; {remedy}\n"


APPLE = {"name": "apple", "price": "0.40", "count": 3}


def test_a_plugin_is_listed_with_its_version(sample: Trioflow) -> None:
    listing = sample("plugins").stdout

    assert "trioflow-sample" in listing
    assert "1.2.3" in listing


def test_its_workflow_runs_by_name(sample: Trioflow) -> None:
    shown = run(sample, "sample.price", {"items": [APPLE, {"name": "pear", "price": "1.05"}]})

    assert shown.rstrip().endswith('"2.25"')


def test_a_value_that_does_not_fit_is_refused_with_its_place(sample: Trioflow) -> None:
    done = sample("run", "sample.price", "--input", '{"items": [{"name": "a", "price": "x"}]}')

    assert done.returncode != 0
    assert "items[0].price: 'x' is not an amount such as '12.50'" in " ".join(done.stderr.split())


def test_models_are_step_types(models: Trioflow) -> None:
    shown = run(models, "models.greeting", {"name": "Ada", "age": 36})

    for line in ('"text": "Hello, Ada!"', '"sentTo": {', '"age": 36', '"times": 1'):
        assert line in shown


def test_structs_are_step_types(models: Trioflow) -> None:
    greeting = {"text": "Hi!", "sentTo": {"name": "Ada", "age": 36}, "times": 2}
    shown = run(models, "models.repeated", greeting)

    assert shown.count('"text": "Hi!"') == 2


def test_faults_of_models_are_told_with_their_places(models: Trioflow) -> None:
    value = json.dumps({"text": 1, "sentTo": {"name": "", "age": "36"}, "times": 0, "to": 1})
    done = models("run", "models.repeated", "--input", value)

    assert done.returncode != 0
    told = " ".join(done.stderr.split())
    for fault in (
        "to: unknown key",
        "text: expected str, received int",
        "sentTo.name: String should have at least 1 character",
        "sentTo.age: expected int, received str",
        "times: Expected `int` >= 1",
    ):
        assert fault in told


def test_a_run_on_models_goes_on_in_another_process(models: Trioflow) -> None:
    ada = {"name": "Ada", "age": 36}
    kept = ("--store", "sqlite:runs.db", "--json")

    asked = models("run", "models.approved", "--input", json.dumps(ada), *kept)
    run_id = json.loads(asked.stdout.splitlines()[0])["runId"]
    wrong = models("resume", run_id, "--data", json.dumps({"approved": 1, "by": ada}), *kept)
    answered = models("resume", run_id, "--data", json.dumps({"approved": True, "by": ada}), *kept)

    assert (asked.returncode, answered.returncode) == (SUSPENDED, 0), answered.stderr
    assert "approved: expected bool, received int" in wrong.stderr
    assert json.loads(answered.stdout.splitlines()[-1])["payload"]["result"] == {
        "greeting": {"text": "Hello, Ada!", "sentTo": ada, "times": 1},
        "answers": {"Ada": {"approved": True, "by": ada}},
    }


def test_schemas_of_models_are_whole(models: Trioflow, site: Path) -> None:
    program = (
        "import json, trioflow.describe, trioflow_sample_models as m, trioflow_sample as s\n"
        "print(json.dumps(trioflow.describe.json_schema(list[m.Greeting | s.Item])))"
    )
    done = call(site / "venv/bin/python", "-W", "error", "-c", program, cwd=site)

    assert done.returncode == 0, done.stderr
    definitions = json.loads(done.stdout)["$defs"]
    assert set(definitions) == {"Greeting", "Person", "Item", "Money"}
    assert definitions["Greeting"]["properties"]["sentTo"] == {"$ref": "#/$defs/Person"}

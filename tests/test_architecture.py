"""Imports go one way; this reads them from the source and compares with the order below."""

from __future__ import annotations

import ast
import graphlib
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import attrs
import pytest

import trioflow

ROOT = Path(__file__).parents[1]

LAYERS = (
    (
        "_calendar",
        "_constructor",
        "_durations",
        "_help",
        "_hints",
        "_lazy",
        "_numbers",
        "_phases",
        "_public",
        "_tick",
        "_version",
    ),
    ("errors", "_ids", "_options", "_retries", "_value_refs", "limits", "outcomes"),
    ("addresses", "events", "tracing"),
    ("context", "reducers", "retry", "_signature"),
    ("_argument_schemas", "_definitions", "_generic"),
    ("steps", "tools", "mapping"),
    ("step_record", "record", "results", "run_info"),
    ("nodes", "workflow"),
    ("abc", "describe", "runners", "stores", "_forms", "_values", "validation", "wire"),
    ("values",),
    ("_engine",),
    ("run",),
    ("schedules",),
    ("instruments",),
    ("runners.remote",),
    ("_host", "_scheduled", "engine", "hookspecs"),
    ("",),
    ("_cli", "__main__", "commands", "testing"),
)
"""A module imports from its own layer and the ones before it. Names of modules and packages
inside trioflow; "" is the package itself, whose names the command line and the kit may use."""

ROOMS = ("base", "history", "stream", "running", "planning", "life", "journal")
"""The same for the packages inside of the engine."""

UPWARD = {
    ("trioflow.workflow", "trioflow.run"): "create_run() is a method of what runs are of",
    ("trioflow.context", "trioflow.steps"): "step_result(step) has the type that the step gives",
    ("trioflow.context", "trioflow.tools"): "call_tool(tool) has the type that the tool gives",
    ("trioflow.context", "trioflow.workflow"): "start_run(workflow) takes one",
    ("trioflow.describe._schema", "trioflow._host.plugins"): "only classes of others need plugins",
    ("trioflow.tools", "trioflow.describe._schema"): "the schema of a tool is its property",
}
"""Who names something of a later layer all the same, for type checkers or inside a function."""

LAZY = {
    ("trioflow.tools", "trioflow.describe._schema"): "only tools for models need schemas",
    ("trioflow._engine.running.call", "trioflow.describe._schema"): "hardly any body needs schemas",
    ("trioflow._engine.running.call", "trioflow.wire._values"): "hardly any body writes JSON",
    ("trioflow._argument_schemas", "jsonschema"): "only tools of other programs need it",
    ("trioflow._argument_schemas", "jsonschema.exceptions"): "only tools of other programs need it",
    ("trioflow._argument_schemas", "jsonschema.validators"): "only tools of other programs need it",
    ("trioflow._argument_schemas", "referencing"): "only tools of other programs need it",
    ("trioflow.workflow", "trioflow.run"): "create_run() is a method of what runs are of",
    ("trioflow._engine.history.answers", "trioflow.wire._values"): "only answers from elsewhere",
    ("trioflow._engine.life.forking", "trioflow._engine.history.retyped"): "only forks need it",
    ("trioflow._engine.life.recovering", "trioflow._engine.history.restore"): "only journals do",
    ("trioflow._engine.running.user_functions", "json"): "only templates need it",
    ("trioflow._host.assembly", "trioflow.wire._converter"): "only typed values need it",
    ("trioflow._host.builtins", "trioflow.stores"): "only journals in memory need it",
    ("trioflow._host.plugins", "trioflow.wire._converter"): "only schemas of classes need it",
    ("trioflow._host.discovery", "difflib"): "only errors need it",
    ("trioflow._host.discovery", "importlib.metadata"): "an engine without plugins needs none",
    ("trioflow._values.structure", "trioflow._values.rules"): "it needs cattrs",
    ("trioflow._forms.foreign", "cattrs.fns"): "only classes that hooks are for need cattrs",
    ("trioflow.schedules._cron", "cronsim"): "only cron expressions need it",
    (
        "trioflow._values.structure",
        "cattrs.errors",
    ): "only values that do not fit as they are need cattrs",
    ("trioflow.describe._schema", "trioflow._host.plugins"): "only classes of others need plugins",
    ("trioflow.engine", "trioflow._engine.planning.recording"): "only stored runs need it",
    ("trioflow.engine", "trioflow._forms.forms"): "only stored runs need it",
    ("trioflow.engine", "trioflow.describe._schema"): "no run needs it",
    ("trioflow.engine", "trioflow._engine.planning.keeping"): "few engines have a value store",
    ("trioflow.runners.remote._calls", "trioflow.values._contents"): "few bodies need it",
    ("trioflow.values._bucket", "obstore"): "an extra",
    ("trioflow.values._bucket", "obstore.exceptions"): "an extra",
    ("trioflow.values._bucket", "obstore.store"): "an extra",
    ("trioflow.engine", "trioflow.run_info"): "no run needs it",
    ("trioflow.engine", "trioflow._scheduled"): "few engines have schedules",
    ("trioflow._host.plugins", "trioflow.schedules"): "few plugins have schedules",
    ("trioflow.errors", "difflib"): "only errors need it",
    (
        "trioflow.runners.remote._bodies",
        "trioflow.instruments",
    ): "takes long, and most engines have no tracker",
    ("trioflow.testing._bodies", "trioflow.testing._bodies.generated"): "only it needs hypothesis",
    (
        "trioflow.testing._converters.each",
        "trioflow.testing._converters.generated",
    ): "only it needs hypothesis",
    (
        "trioflow.testing._converters.describing",
        "trioflow.testing._converters.agreeing",
    ): "only it needs hypothesis",
    ("trioflow.testing._pytest_plugin", "trioflow.engine"): "only who uses it needs it",
    ("trioflow.testing._pytest_plugin", "trioflow.instruments._tasks"): "only who uses it needs it",
    ("trioflow.testing._pytest_plugin", "trioflow.run"): "only who uses it needs it",
    ("trioflow.testing._pytest_plugin", "trioflow.testing._blocks"): "only who uses it needs it",
    ("trioflow.testing._pytest_plugin", "trioflow.testing._clock"): "only who uses it needs it",
    ("trioflow.testing._pytest_plugin", "trioflow.testing._recorder"): "only who uses it needs it",
    ("trioflow._cli", "trioflow._cli.entry"): "a missing extra is reported as such",
    ("trioflow._cli.app", "trioflow._cli.completing"): "the help is there before it",
    ("trioflow._cli.arguments", "trioflow._cli.completing"): "only ids that are completed need it",
    ("trioflow._cli.app", "trioflow._cli.listings"): "the help is there before it",
    ("trioflow._cli.app", "trioflow._cli.plugged"): "it makes the command line anew",
    ("trioflow._cli.app", "trioflow._cli.running"): "the help is there before it",
    (
        "trioflow._cli.stored",
        "trioflow._cli.continuing",
    ): "the help is there before it",
    ("trioflow._cli.enqueued", "trioflow._cli.working"): "the help is there before it",
    ("trioflow._cli.stored", "trioflow._cli.workers"): "the help is there before it",
    ("trioflow._cli.asked", "trioflow._cli.continuing"): "the help is there before it",
    ("trioflow._cli.asked", "trioflow._cli.upkeep"): "the help is there before it",
    ("trioflow._cli.filters", "trioflow._cli.times"): "the help is there before it",
    ("trioflow._cli.scheduled", "trioflow._cli.timetable"): "the help is there before it",
    ("trioflow._cli.scheduled", "trioflow._cli.timetabling"): "the help is there before it",
    ("trioflow._cli.stored", "trioflow._cli.history"): "the help is there before it",
    ("trioflow._cli.stored", "trioflow._cli.retrying"): "the help is there before it",
    ("trioflow._cli.stored", "trioflow._cli.upkeep"): "the help is there before it",
    ("trioflow._cli.app", "rich.text"): "cyclopts asks for the help of one command at a time",
    ("trioflow._cli.watch", "trioflow._cli.live"): "only a terminal needs rich",
    ("trioflow.commands", "trioflow._cli.stores"): "a workflow is found without an engine",
    ("trioflow.commands", "trioflow._engine.journal.reading"): "a workflow is found without it",
}
"""Who imports what inside a function, and why not at the top."""

PUBLIC = {
    "trioflow",
    "trioflow.abc",
    "trioflow.addresses",
    "trioflow.commands",
    "trioflow.context",
    "trioflow.describe",
    "trioflow.engine",
    "trioflow.errors",
    "trioflow.events",
    "trioflow.hookspecs",
    "trioflow.instruments",
    "trioflow.limits",
    "trioflow.mapping",
    "trioflow.nodes",
    "trioflow.outcomes",
    "trioflow.record",
    "trioflow.reducers",
    "trioflow.results",
    "trioflow.retry",
    "trioflow.run",
    "trioflow.run_info",
    "trioflow.runners",
    "trioflow.runners.remote",
    "trioflow.schedules",
    "trioflow.step_record",
    "trioflow.values",
    "trioflow.steps",
    "trioflow.stores",
    "trioflow.testing",
    "trioflow.testing.strategies",
    "trioflow.tools",
    "trioflow.tracing",
    "trioflow.validation",
    "trioflow.wire",
    "trioflow.workflow",
}
"""The modules whose names bear no underscore: others may import from them."""

UNCONSTRUCTED = ("Engine", "EventStream", "Run", "RunStream")
"""Classes of which users get instances and never make any."""


@attrs.frozen
class Import:
    importer: str
    module: str
    name: str
    """What is taken from the module; empty for ``import module``."""
    lazy: bool
    """Inside a function."""
    typing: bool
    """For type checkers only."""

    @property
    def target(self) -> str:
        """The module that is imported in the end: the name may be a submodule itself."""
        submodule = f"{self.module}.{self.name}"
        return submodule if submodule in MODULES else self.module


def name_of(file: Path, top: Path) -> str:
    parts = file.relative_to(top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file, ROOT): file for file in (ROOT / "trioflow").rglob("*.py")}


def imports_of(importer: str, file: Path) -> Iterator[Import]:
    """Read the imports of a file, those for type checkers included."""
    tree = ast.parse(file.read_text("utf-8"))
    yield from _imports_in(tree, importer, lazy=False, typing=False)


def _imports_in(node: ast.AST, importer: str, *, lazy: bool, typing: bool) -> Iterator[Import]:
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING")):
            typing = True
        case ast.Import(names):
            yield from (Import(importer, alias.name, "", lazy, typing) for alias in names)
        case ast.ImportFrom(module, names):
            yield from (Import(importer, module or "", alias.name, lazy, typing) for alias in names)
    inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _imports_in(child, importer, lazy=inside, typing=typing)


@cache
def all_imports() -> Sequence[Import]:
    """Return the imports of all modules, read only where a test asks for them."""
    return [found for name, file in MODULES.items() for found in imports_of(name, file)]


def layer_of(module: str) -> int:
    """Return the position of a module's layer."""
    return next(index for index, layer in enumerate(LAYERS) if name_in_layers(module) in layer)


def name_in_layers(module: str) -> str:
    """Return the name by which `LAYERS` lists a module."""
    _, top, inner, *_ = f"{module}...".split(".")
    return f"{top}.{inner}" if any(f"{top}.{inner}" in layer for layer in LAYERS) else top


def is_ours(module: str) -> bool:
    return module.partition(".")[0] == "trioflow"


def test_every_module_has_a_layer() -> None:
    known = {name for layer in LAYERS for name in layer}

    assert {name_in_layers(name) for name in MODULES} == known


def test_no_module_names_anything_of_a_later_layer() -> None:
    """Imports for type checkers and inside functions count: what a module knows is one question,
    when it loads is another."""
    upward = {
        (found.importer, found.target)
        for found in all_imports()
        if is_ours(found.target)
        and found.importer != "trioflow"  # it names all that is public
        and layer_of(found.target) > layer_of(found.importer)
    }

    assert upward == set(UPWARD)


def room_of(module: str) -> str | None:
    """Return the room of the engine that a module lies in."""
    parts = module.split(".")
    return parts[2] if parts[1:2] == ["_engine"] and len(parts) > 2 else None


def test_the_rooms_are_those_that_the_docstring_of_the_engine_names() -> None:
    described = re.findall(
        r"^``(\w+)`` {2,}\w",
        importlib.import_module("trioflow._engine").__doc__ or "",
        re.MULTILINE,
    )

    assert tuple(described) == ROOMS
    assert {room_of(name) for name in MODULES} - {None} == set(ROOMS)


def test_no_room_names_anything_of_a_later_room() -> None:
    upward = {
        (found.importer, found.target)
        for found in all_imports()
        if (here := room_of(found.importer)) is not None
        and (there := room_of(found.target)) is not None
        and ROOMS.index(there) > ROOMS.index(here)
    }

    assert upward == set()


def test_imports_inside_functions_are_the_ones_that_have_a_reason() -> None:
    reads = [found for found in all_imports() if found.lazy and not found.typing]
    lazy = {(found.importer, found.target) for found in reads}

    assert lazy == set(LAZY)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for found in all_imports():
        if not (found.lazy or found.typing) and is_ours(found.target):
            graph.setdefault(found.importer, set()).add(found.target)

    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("library", ["cattrs", "cyclopts", "hypothesis", "pytest", "rich"])
def test_importing_trioflow_does_not_import(library: str) -> None:
    script = f"import sys, trioflow; sys.exit({library!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


UNUSED = (
    "cattrs", "importlib.metadata", "json", "trioflow._engine.journal.writer", "trioflow._forms",
    "trioflow.describe", "trioflow.run_info", "trioflow.wire._reading", "uuid",
)  # fmt: skip
"""What a program that only runs workflows does not need."""


def test_what_a_run_does_not_need_is_not_imported_for_it() -> None:
    script = f"""
import sys, trio
before = set(sys.modules)
from trioflow import Workflow, open_engine, step
print(*sorted(set({UNUSED}) & (set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout == b"\n"


PLUGINS = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if folder.is_dir())


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_use_public_names_only(plugin: str) -> None:
    for file in (ROOT / "plugins" / plugin).rglob("*.py"):
        for found in imports_of(plugin, file):
            if is_ours(found.module):
                name = f"{found.name} of {found.module}, which {file} imports,"
                assert found.module in PUBLIC, f"{name} is not public"
                assert found.name in names_of(found.module), f"{name} is not public"


@cache
def names_of(module: str) -> set[str]:
    """Return the public names of a module: ``__all__``, or what it defines itself."""
    loaded = importlib.import_module(module)
    listed = getattr(loaded, "__all__", None)
    if listed is not None:
        return set(listed)
    aliases = _assigned_in(MODULES[module]) if module in MODULES else set()
    return {
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (getattr(value, "__module__", module) == module or name in aliases)
    }


def _assigned_in(file: Path) -> set[str]:
    """Return the names that a module gives to values, such as aliases of types."""
    body = ast.parse(file.read_text()).body
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


# ---------------------------------------------------------------- what is public
def test_a_leading_underscore_marks_what_is_private() -> None:
    unmarked = {name for name in MODULES if "._" not in name}

    assert unmarked - {"trioflow.__main__"} == PUBLIC


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_what_is_public_says_where_it_can_be_had(module: str) -> None:
    loaded = importlib.import_module(module)
    for name in getattr(loaded, "__all__", ()):
        value = getattr(loaded, name)
        home = getattr(value, "__module__", module)
        if home.partition(".")[0] == "trioflow":  # aliases of types are those of others
            assert home in PUBLIC, f"{name} says that it is of {home}"
            assert getattr(importlib.import_module(home), name) is value


@pytest.mark.parametrize("name", UNCONSTRUCTED)
def test_classes_that_users_do_not_construct_say_where_to_get_an_instance(name: str) -> None:
    with pytest.raises(TypeError, match=r"has no public constructor; use .+\(\)"):
        getattr(trioflow, name)()


# ---------------------------------------------------------------- names that are imported late
LAZY_PACKAGES = (
    "trioflow",
    "trioflow._engine.journal",
    "trioflow.abc",
    "trioflow.describe",
    "trioflow.schedules",
    "trioflow.testing",
    "trioflow.wire",
)


def test_the_package_exports_the_names_of_the_list() -> None:
    listed = (ROOT / "tests" / "exports.txt").read_text("utf-8").split()

    assert sorted(trioflow.__all__) == sorted(listed)


@pytest.mark.parametrize("package", LAZY_PACKAGES)
def test_a_lazy_package_gives_what_type_checkers_are_told(package: str) -> None:
    loaded = importlib.import_module(package)
    told = {
        alias.name: node.module if f"{node.module}.{alias.name}" not in MODULES else package
        for node in ast.walk(ast.parse(MODULES[package].read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module not in ("typing", "trioflow._lazy")
        for alias in node.names
    }

    assert set(told) == set(loaded.__all__)
    for name, module in told.items():
        assert getattr(loaded, name) is getattr(importlib.import_module(module or ""), name)


@pytest.mark.parametrize("package", LAZY_PACKAGES)
def test_a_lazy_package_does_not_know_other_names(package: str) -> None:
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'nothing'"):
        importlib.import_module(package).nothing  # noqa: B018

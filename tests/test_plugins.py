"""The plugin host: what it finds, what it refuses and whom it names, what plugins can add.

Plugins are real distributions here: a module, and metadata beside it in a folder of sys.path.
"""

from __future__ import annotations

import itertools
import logging
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import trio
from attrs import frozen

from tests.flows import add_one, double, record_run
from trioflow import PluginInfo, Tool, Workflow, events, hookimpl, open_engine, step, tool
from trioflow._host.assembly import open_store
from trioflow._host.plugins import PluginHost
from trioflow._values.structure import make_converter
from trioflow.abc import Instrument, Runner, Store
from trioflow.errors import (
    DefinitionError,
    DuplicateIdError,
    InvalidValueError,
    PluginError,
    PluginHookError,
    PluginImportError,
    UnknownNameError,
    UnknownPluginError,
    UnknownStepError,
)
from trioflow.runners._inline import InlineRunner
from trioflow.stores._memory import MemoryStore

STEPS = """
from trioflow import hookimpl, step

@step(id="{id}")
async def body(value: int) -> int:
    return value

@hookimpl
def trioflow_steps():
    return [body]
"""
NUMBERS = itertools.count()


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        name: str,
        source: str = STEPS,
        *,
        distribution: str | None = None,
        attribute: str = "",
        **values: str,
    ) -> str:
        """Install a plugin and return the name of its module."""
        distribution = distribution or f"trioflow-{name}"
        module = f"plugin_{next(NUMBERS)}"  # modules of other tests may still be loaded
        code = textwrap.dedent(source)
        code = code.replace("{id}", values.get("id", f"{name}.step"))
        (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[trioflow]\n{name} = {module}{attribute}\n")
        return module


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("TRIOFLOW_DISABLE", raising=False)
    yield Site(tmp_path)
    for name, module in list(sys.modules.items()):  # not what was imported by the way
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def refusal(kind: type[PluginError], *plugins: Any, **options: Any) -> PluginError:
    """Return the error with which the host refuses plugins."""
    with pytest.raises(kind) as caught:
        PluginHost(plugins, **options)
    assert type(caught.value) is kind
    return caught.value


def plugin(**hooks: Any) -> Any:
    """Return an object with these functions as hooks."""
    made = SimpleNamespace()
    for name, function in hooks.items():
        setattr(made, name, hookimpl(function))
    return made


class TestChoosing:
    def test_all_installed_ones_are_loaded_by_default(self, site: Site) -> None:
        site.install("bees")
        site.install("ants")

        host = PluginHost()

        names = [info.name for info in host.plugins]
        assert names[0] == "builtin"
        assert names[1:] == sorted(names[1:])
        assert {"ants", "bees"} <= set(names)
        assert host.steps["ants.step"].id == "ants.step"

    def test_names_choose_and_give_the_order(self, site: Site) -> None:
        site.install("bees")
        site.install("ants")

        host = PluginHost(["bees", "ants"])

        assert [info.name for info in host.plugins] == ["builtin", "bees", "ants"]
        assert list(host.steps) == ["bees.step", "ants.step"]

    def test_none_at_all_may_be_chosen(self, site: Site) -> None:
        site.install("bees", "raise RuntimeError")

        assert [info.name for info in PluginHost([]).plugins] == ["builtin"]

    def test_blocked_ones_are_not_even_imported(self, site: Site) -> None:
        module = site.install("bees", "raise RuntimeError")
        site.install("ants")

        names = {info.name for info in PluginHost(blocked=["bees"]).plugins}

        assert "ants" in names
        assert "bees" not in names
        assert module not in sys.modules

    def test_the_environment_blocks_as_well(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.install("bees", "raise RuntimeError")
        site.install("ants", "raise RuntimeError")
        site.install("cats")
        monkeypatch.setenv("TRIOFLOW_DISABLE", " bees ,ants,")

        names = {info.name for info in PluginHost().plugins}

        assert "cats" in names
        assert not {"bees", "ants"} & names

    def test_the_environment_wins_over_a_choice(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.install("bees")
        monkeypatch.setenv("TRIOFLOW_DISABLE", "bees")

        assert [info.name for info in PluginHost(["bees"]).plugins] == ["builtin"]

    def test_a_name_in_the_environment_that_nobody_has_is_logged(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        site.install("bees")
        monkeypatch.setenv("TRIOFLOW_DISABLE", "bes")

        PluginHost(["bees"])

        assert caplog.messages == ["TRIOFLOW_DISABLE names 'bes', which is not installed"]

    def test_objects_and_modules_are_plugins_too(self, site: Site) -> None:
        module = ModuleType("my_module")
        vars(module)["trioflow_steps"] = hookimpl(lambda: [add_one])

        class MyPlugin:
            @hookimpl
            def trioflow_tools(self) -> list[Tool[..., Any]]:
                return []

            @hookimpl
            def trioflow_workflows(self) -> Iterator[Workflow[Any, Any]]:
                yield Workflow("w")

        host = PluginHost([module, MyPlugin()])

        assert host.plugins[1:] == (
            PluginInfo(
                "my_module",
                "not from a distribution",
                "",
                hooks=("trioflow_steps",),
                steps=("add_one",),
            ),
            PluginInfo(
                "MyPlugin",
                "not from a distribution",
                "",
                hooks=("trioflow_tools", "trioflow_workflows"),
                workflows=("w",),
            ),
        )
        assert host.providers == {"add_one": "my_module", "w": "MyPlugin"}

    def test_hooks_may_be_static_and_class_methods(self) -> None:
        class Mixed:
            @staticmethod
            @hookimpl
            def trioflow_steps() -> list[Any]:
                return [add_one]

            @classmethod
            @hookimpl
            def trioflow_workflows(cls) -> list[Any]:
                return [Workflow(cls.__name__)]

        host = PluginHost([Mixed()])

        assert (list(host.steps), list(host.workflows)) == (["add_one"], ["Mixed"])
        assert host.plugins[1].hooks == ("trioflow_steps", "trioflow_workflows")

    def test_several_objects_of_one_class_get_numbers(self) -> None:
        first, second = (
            plugin(trioflow_steps=lambda each=each: [each]) for each in (add_one, double)
        )

        host = PluginHost([first, second])

        names = [info.name for info in host.plugins[1:]]
        assert names == ["SimpleNamespace", "SimpleNamespace-2"]

    def test_two_hosts_share_nothing(self) -> None:
        first, second = PluginHost([plugin(trioflow_steps=lambda: [add_one])]), PluginHost([])

        assert list(first.steps) == ["add_one"]
        assert second.steps == {}

    def test_an_entry_point_may_name_an_object_in_a_module(self, site: Site) -> None:
        source = """
            from trioflow import Workflow, hookimpl

            class Plugin:
                @hookimpl
                def trioflow_workflows(self):
                    return [Workflow("w")]

            plugin = Plugin()
        """
        site.install("ants", source, attribute=":plugin")

        assert list(PluginHost(["ants"]).workflows) == ["w"]

    def test_unknown_names_are_told_with_what_is_close(self, site: Site) -> None:
        site.install("ants")
        site.install("bees")

        for error in (
            refusal(UnknownPluginError, "ant"),
            refusal(UnknownPluginError, blocked=["ant"]),
        ):
            assert str(error) == (
                "plugin 'ant' (not from a distribution): no plugin with this name is installed; "
                "did you mean 'ants'?"
            )
        remedy = refusal(UnknownPluginError, "zebra").remedy
        assert "ants, bees" in remedy  # beside what is installed anyway

    @pytest.mark.parametrize("argument", ["plugins", "blocked"])
    def test_one_text_is_not_a_list_of_names(self, site: Site, argument: str) -> None:
        options: dict[str, Any] = {argument: "ants"}

        with pytest.raises(TypeError, match=f"{argument} must be a list of .* string 'ants'"):
            PluginHost(**options)


class TestListing:
    def test_a_plugin_is_listed_with_its_distribution_and_all_it_provides(self, site: Site) -> None:
        source = """
            from trioflow import Workflow, hookimpl, step, tool

            @step
            async def look(value): ...

            @tool
            async def ask(question): ...

            @hookimpl
            def trioflow_steps():
                return [look, look.clone("see")]

            @hookimpl
            def trioflow_tools():
                return (ask,)

            @hookimpl(specname="trioflow_workflows")
            def flows():
                yield Workflow("all").then("look").then("ask")
        """
        site.install("ants", source, distribution="trioflow-ants-colony")

        host = PluginHost(["ants"])

        assert host.plugins[1] == PluginInfo(
            "ants",
            "trioflow-ants-colony",
            "1.2",
            hooks=("trioflow_workflows", "trioflow_steps", "trioflow_tools"),
            steps=("look", "see"),
            tools=("ask",),
            workflows=("all",),
        )
        assert host.plugins[1].origin == "trioflow-ants-colony 1.2"
        assert host.providers == dict.fromkeys(("look", "see", "ask", "all"), "ants")

    def test_what_is_built_in_is_a_plugin_as_well(self) -> None:
        (builtin,) = PluginHost([]).plugins

        assert (builtin.name, builtin.origin) == ("builtin", f"trioflow {version('trioflow')}")
        assert "trioflow_runner" in builtin.hooks

    async def test_an_engine_lists_its_plugins(self, site: Site) -> None:
        site.install("ants")

        async with open_engine(plugins=["ants"]) as engine:
            assert [info.name for info in engine.plugins] == ["builtin", "ants"]
            assert list(engine.steps) == ["ants.step"]
            assert (dict(engine.tools), dict(engine.workflows)) == ({}, {})


BROKEN_HOOKS: list[tuple[str, str, str]] = [
    (
        """
        @hookimpl
        async def trioflow_steps():
            return []
        """,
        "trioflow_steps is async, but hooks are called synchronously",
        "make it a plain def; what it returns may have async methods",
    ),
    (
        """
        @hookimpl
        async def trioflow_steps():
            yield None
        """,
        "trioflow_steps is async, but hooks are called synchronously",
        "make it a plain def; what it returns may have async methods",
    ),
    (
        """
        @hookimpl
        def trioflow_step():
            return []
        """,
        "there is no hook 'trioflow_step'",
        "did you mean 'trioflow_steps'?",
    ),
    (
        """
        def trioflow_stepss():
            return []
        """,
        "there is no hook 'trioflow_stepss'",
        "did you mean 'trioflow_steps'?",
    ),
    (
        """
        @hookimpl
        def triflow_steps():
            return []
        """,
        "there is no hook 'triflow_steps'",
        "did you mean 'trioflow_steps'?",
    ),
    (
        """
        @hookimpl
        def on_event():
            return []
        """,
        "there is no hook 'on_event'",
        "the hooks are trioflow_steps, trioflow_tools, trioflow_workflows",
    ),
    (
        """
        @hookimpl(specname="trioflow_everything")
        def everything():
            return []
        """,
        "there is no hook 'trioflow_everything'",
        "the hooks are trioflow_steps",
    ),
    (
        """
        def trioflow_steps():
            return []
        """,
        "trioflow_steps is not marked as a hook",
        "decorate it with @hookimpl",
    ),
    (
        """
        trioflow_steps = []
        """,
        "trioflow_steps is not a function but []",
        "write a function that returns it, decorated with @hookimpl",
    ),
    (
        """
        @hookimpl(wrapper=True)
        def trioflow_steps():
            return (yield)
        """,
        "trioflow_steps is a wrapper",
        "hooks are called one by one; remove the option",
    ),
    (
        """
        @hookimpl(hookwrapper=True)
        def trioflow_steps():
            yield
        """,
        "trioflow_steps is a wrapper",
        "hooks are called one by one; remove the option",
    ),
    (
        """
        @hookimpl
        def trioflow_steps(engine):
            return []
        """,
        "Argument(s) {'engine'} are declared in the hookimpl but can not be found in the hookspec",
        "compare its hooks with trioflow.hookspecs",
    ),
    (
        """
        @hookimpl
        def trioflow_steps():
            raise RuntimeError("out of steps")
        """,
        "trioflow_steps raised RuntimeError: out of steps",
        "see the exception above",
    ),
    (
        """
        @hookimpl
        def trioflow_steps():
            yield from []
            raise RuntimeError("out of steps")
        """,
        "trioflow_steps raised RuntimeError: out of steps",
        "see the exception above",
    ),
    (
        """
        @hookimpl
        def trioflow_steps(*, engine):
            return []
        """,
        "trioflow_steps raised TypeError: ",
        "see the exception above",
    ),
    (
        """
        @hookimpl
        def trioflow_steps():
            return None
        """,
        "trioflow_steps raised TypeError: 'NoneType' object is not iterable",
        "see the exception above",
    ),
    (
        """
        @hookimpl
        def trioflow_steps():
            return "abc"
        """,
        "trioflow_steps raised TypeError: 'abc' is a string, not an iterable of definitions",
        "see the exception above",
    ),
    (
        """
        @hookimpl
        def trioflow_steps():
            return [print]
        """,
        "trioflow_steps returned <built-in function print>, which is not a Step",
        "return an iterable of Step objects",
    ),
    (
        """
        @hookimpl
        def trioflow_tools():
            return [Workflow("w")]
        """,
        "trioflow_tools returned <Workflow 'w', 0 nodes>, which is not a Tool",
        "return an iterable of Tool objects",
    ),
    (
        """
        @hookimpl
        def trioflow_workflows():
            return ["w"]
        """,
        "trioflow_workflows returned 'w', which is not a Workflow",
        "return an iterable of Workflow objects",
    ),
]


class TestBrokenPlugins:
    """Each is refused at start-up, by name, with its distribution and what to do."""

    @pytest.mark.parametrize(("source", "problem", "remedy"), BROKEN_HOOKS)
    def test_hooks_that_are_none(self, site: Site, source: str, problem: str, remedy: str) -> None:
        site.install("ants", "from trioflow import Workflow, hookimpl\n" + textwrap.dedent(source))

        error = refusal(PluginHookError, "ants")

        assert (error.plugin, error.distribution) == ("ants", "trioflow-ants 1.2")
        assert problem in error.problem
        assert "\n" not in str(error)
        assert error.remedy.startswith(remedy)

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
            ("raise RuntimeError('not today')", "RuntimeError: not today"),
            ("def broken(:", "SyntaxError: invalid syntax"),
            ("import sys; sys.exit(3)", "SystemExit: 3"),
        ],
    )
    def test_modules_that_cannot_be_imported(self, site: Site, source: str, problem: str) -> None:
        module = site.install("ants", source)

        error = refusal(PluginImportError, "ants")

        assert (error.plugin, error.distribution) == ("ants", "trioflow-ants 1.2")
        assert error.problem.startswith(f"{module} cannot be imported: {problem}")
        assert error.remedy == "repair or uninstall it, or set TRIOFLOW_DISABLE=ants"
        assert error.__cause__ is not None

    def test_entry_points_that_lead_nowhere(self, site: Site) -> None:
        site.install("ants", attribute=":nothing")
        site.install("bees", attribute=" is not an entry point")

        assert "cannot be imported: AttributeError" in refusal(PluginImportError, "ants").problem
        assert "cannot be imported" in refusal(PluginImportError, "bees").problem

    def test_a_broken_one_does_not_hide_behind_another(self, site: Site) -> None:
        site.install("ants")
        site.install("bees", "import no_such_module")
        site.install("cats")

        assert refusal(PluginImportError, "ants", "bees", "cats").plugin == "bees"

    def test_a_definition_that_is_broken_is_told_with_its_cause(self, site: Site) -> None:
        site.install("ants", id="a/b")

        error = refusal(PluginImportError, "ants")

        assert "DefinitionError: step 'a/b': id 'a/b' contains /" in error.problem
        assert isinstance(error.__cause__, DefinitionError)

    def test_an_object_without_hooks_is_none(self) -> None:
        for wrong in (5, None, add_one, SimpleNamespace()):
            error = refusal(PluginHookError, wrong)
            assert error.problem == f"{wrong!r} has no hooks"
            assert error.remedy == "give open_engine() the names, modules or objects of plugins"

    def test_a_module_without_hooks_is_a_plugin_that_provides_nothing(self, site: Site) -> None:
        site.install("ants", "trioflow_version = 3\nimport trioflow as trioflow_module\n")

        assert PluginHost(["ants"]).plugins[1] == PluginInfo("ants", "trioflow-ants", "1.2")

    def test_an_async_static_method_is_none_either(self) -> None:
        class Wrong:
            @staticmethod
            @hookimpl
            async def trioflow_steps() -> list[Any]:
                return []

        assert "trioflow_steps is async" in refusal(PluginHookError, Wrong()).problem

    def test_a_property_is_no_hook(self) -> None:
        class Wrong:
            @property
            def trioflow_steps(self) -> list[Any]:
                return [add_one]

        problem = refusal(PluginHookError, Wrong()).problem

        assert problem.startswith("trioflow_steps is not a function but <property")

    def test_a_class_is_not_its_instance(self, site: Site) -> None:
        source = """
            from trioflow import hookimpl

            class Plugin:
                @hookimpl
                def trioflow_steps(self):
                    return []
        """
        site.install("ants", source, attribute=":Plugin")

        assert "missing 1 required positional argument: 'self'" in str(
            refusal(PluginHookError, "ants")
        )


class TestDuplicates:
    def test_within_one_plugin(self) -> None:
        error = refusal(DuplicateIdError, plugin(trioflow_steps=lambda: [add_one, add_one]))

        assert str(error) == (
            "plugin 'SimpleNamespace' (not from a distribution): it provides 'add_one' twice; "
            "rename one of the two"
        )

    def test_across_kinds(self) -> None:
        same = plugin(
            trioflow_steps=lambda: [add_one], trioflow_workflows=lambda: [Workflow("add_one")]
        )

        assert refusal(DuplicateIdError, same).problem == "it provides 'add_one' twice"

    def test_across_plugins(self, site: Site) -> None:
        site.install("ants", id="look")
        site.install("bees", id="look")

        assert str(refusal(DuplicateIdError, "ants", "bees")) == (
            "plugin 'bees' (trioflow-bees 1.2): plugin 'ants' "
            "(trioflow-ants 1.2) also provides 'look'; "
            "block one of the two plugins, or set TRIOFLOW_DISABLE=bees"
        )
        assert list(PluginHost(["ants", "bees"], blocked=["ants"]).steps) == ["look"]

    def test_of_an_entry_point(self, site: Site) -> None:
        site.install("ants", distribution="trioflow-ants")
        site.install("ants", distribution="other-ants", id="other")
        site.install("bees")

        error = refusal(DuplicateIdError, "ants")

        assert error.plugin == "ants"
        told = {error.distribution, error.problem.rpartition(" of ")[2]}
        assert told == {"trioflow-ants 1.2", "other-ants 1.2"}
        assert error.problem.startswith("its entry point has the same name as that of ")
        assert error.remedy == (
            "uninstall one of the two, or set TRIOFLOW_DISABLE=ants to use neither"
        )
        assert list(PluginHost(["bees"]).steps) == ["bees.step"]

    def test_of_the_plugin_itself(self, site: Site) -> None:
        site.install("ants")
        same = plugin(trioflow_steps=lambda: [add_one])

        for plugins in (("ants", "ants"), (same, same)):
            error = refusal(DuplicateIdError, *plugins)
            assert error.problem == "a plugin with this name is already loaded"
            assert error.remedy == "load only one"

    def test_of_the_name_of_what_is_built_in(self, site: Site) -> None:
        site.install("builtin")

        assert refusal(DuplicateIdError, "builtin").distribution == "trioflow-builtin 1.2"

    async def test_of_what_an_engine_is_given(self) -> None:
        look = tool(id="add_one")(double.fn)

        with pytest.raises(DuplicateIdError) as caught:
            async with open_engine(
                plugins=[plugin(trioflow_steps=lambda: [add_one])], tools=[look]
            ):
                raise AssertionError("a duplicate was accepted")
        assert caught.value.problem == "'add_one' is already provided by 'SimpleNamespace'"


class TestDefinitions:
    async def test_workflows_name_what_other_plugins_provide(self, site: Site) -> None:
        source = """
            from trioflow import Workflow, hookimpl

            @hookimpl
            def trioflow_workflows():
                return [Workflow("flow").then("bees.step").then("mine")]
        """
        site.install("ants", source)
        site.install("bees")

        async with open_engine(plugins=["ants", "bees"], steps=[add_one.clone("mine")]) as engine:
            run = engine.create_run("flow")
            recorded = await record_run(run, 1)

        assert run.record.output == 2
        starts = [event for event in recorded if isinstance(event, events.StepStart)]
        assert [(event.id, event.plugin) for event in starts] == [
            ("bees.step", "bees"),
            ("mine", None),
        ]

    async def test_a_broken_workflow_of_a_plugin_is_refused_when_it_is_asked_for(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        bees = add_one.clone("bees.step")
        flows = plugin(
            trioflow_workflows=lambda: [
                Workflow("broken").then("bees.stp"),
                Workflow("outer").then("broken"),
                Workflow("sound").then("bees.step"),
            ]
        )

        async with open_engine(plugins=[flows], steps=[bees]) as engine:
            assert (await engine.create_run("sound").start(1)).unwrap() == 2
            with pytest.raises(UnknownStepError) as caught:
                engine.create_run("broken")
            with pytest.raises(UnknownStepError):
                engine.submit("outer", 1)

        problem = (
            "workflow 'broken' of plugin 'SimpleNamespace' uses unknown step 'bees.stp'; "
            "did you mean 'bees.step'?"
        )
        assert str(caught.value) == problem
        assert caplog.messages == [problem, problem]  # once for each workflow that lacks it

    async def test_a_broken_workflow_of_the_caller_is_refused_when_the_engine_opens(self) -> None:
        with pytest.raises(UnknownStepError):
            async with open_engine(workflows=[Workflow("flow").then("bees.stp")]):
                raise AssertionError("an unknown step was accepted")

    async def test_errors_of_definitions_name_the_plugin(self) -> None:
        async def body(value: int) -> int:
            return value

        broken = {
            "step 'body' of plugin 'SimpleNamespace': unknown limit 'gpu'": step(limit="gpu")(body),
            "step 'body' of plugin 'SimpleNamespace': unknown runner 'far'": step(runner="far")(
                body
            ),
        }
        for problem, definition in broken.items():
            flow = Workflow("flow").then("body")
            both = plugin(
                trioflow_steps=lambda definition=definition: [definition],
                trioflow_workflows=lambda flow=flow: [flow],
            )
            async with open_engine(plugins=[both]) as engine:
                with pytest.raises(UnknownNameError) as caught:
                    engine.create_run("flow")
            assert str(caught.value).startswith(problem)

    async def test_errors_of_values_name_the_plugin(self) -> None:
        steps = plugin(trioflow_steps=lambda: [add_one])

        async with open_engine(
            plugins=[steps], workflows=[Workflow("w").then("add_one")]
        ) as engine:
            result = await engine.create_run("w").start("1")

        assert str(result.error) == (
            "input of step 'add_one' of plugin 'SimpleNamespace' is invalid: "
            "value: expected int, received str; passed by the caller of workflow 'w'"
        )


class TestRunners:
    class Counting(Runner):
        def __init__(self) -> None:
            self.calls = 0

        async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            await trio.lowlevel.checkpoint()
            return fn(*args, **kwargs)

    def runner_plugin(self, name: str, runner: Any) -> Any:
        class RunnerPlugin:
            @hookimpl
            def trioflow_runner(self, name: str) -> Any:
                asked.append(name)
                return runner if name == wanted else None

        asked: list[str] = []
        wanted = name
        made = RunnerPlugin()
        made.asked = asked  # type: ignore[attr-defined]
        return made

    async def test_a_plugin_s_runner_runs_bodies_and_is_asked_for_once(self) -> None:
        counting = self.Counting()
        runners = self.runner_plugin("far", counting)

        @step(runner="far")
        def body(value: int) -> int:
            return value + 1

        workflow = Workflow("w").then(body).then(body.clone("again"))
        async with open_engine(plugins=[runners]) as engine:
            result = await engine.create_run(workflow).start(1)
            engine.create_run(workflow.clone("other"))

        assert result.unwrap() == 3
        assert counting.calls == 2
        assert runners.asked == ["far"]

    def test_what_is_built_in_comes_through_the_same_hook(self) -> None:
        host = PluginHost([])

        assert isinstance(host.runner("inline"), InlineRunner)
        assert host.runner("thread") is not None
        assert host.runner("far") is None

    def test_the_plugin_that_was_loaded_last_is_asked_first(self) -> None:
        first, second = self.Counting(), self.Counting()
        plugins = [self.runner_plugin("thread", first), self.runner_plugin("thread", second)]

        assert PluginHost(plugins).runner("thread") is second
        assert PluginHost(reversed(plugins)).runner("thread") is first
        assert plugins[0].asked == plugins[1].asked == ["thread"]

    def test_a_plugin_may_ask_to_be_first_or_last(self) -> None:
        first, second = self.Counting(), self.Counting()

        class First:
            @hookimpl(tryfirst=True)
            def trioflow_runner(self, name: str) -> Runner:
                return first

        class Second:
            @hookimpl
            def trioflow_runner(self) -> Runner:  # a hook takes what it needs
                return second

        assert PluginHost([First(), Second()]).runner("any") is first

    @pytest.mark.parametrize(
        ("runner", "problem"),
        [
            (5, "trioflow_runner returned 5, which is not a Runner"),
            (print, "trioflow_runner returned <built-in function print>, which is not a Runner"),
        ],
    )
    def test_what_is_no_runner_is_refused(self, runner: Any, problem: str) -> None:
        host = PluginHost([self.runner_plugin("far", runner)])

        with pytest.raises(PluginHookError) as caught:
            host.runner("far")

        assert caught.value.plugin == "RunnerPlugin"
        assert caught.value.problem == problem
        assert caught.value.remedy == "return a Runner, or None for what is not yours"

    async def test_a_hook_that_raises_is_named_when_the_engine_opens(self) -> None:
        class Broken:
            @hookimpl
            def trioflow_runner(self, name: str) -> Runner | None:
                raise RuntimeError(f"no {name} here")

        workflow = Workflow("w").then(step(runner="far")(add_one.fn))

        with pytest.raises(PluginHookError) as caught:
            async with open_engine(plugins=[Broken()], workflows=[workflow]):
                raise AssertionError("a broken runner was accepted")

        assert str(caught.value) == (
            "plugin 'Broken' (not from a distribution): "
            "trioflow_runner raised RuntimeError: no far here; see the exception above"
        )
        assert isinstance(caught.value.__cause__, RuntimeError)


class TestStores:
    def test_the_first_plugin_that_knows_the_url_is_taken(self) -> None:
        store = MemoryStore()
        asked: list[str] = []

        class Stores:
            @hookimpl
            def trioflow_store(self, url: str) -> Store | None:
                asked.append(url)
                return store if url.startswith("mine:") else None

        host = PluginHost([Stores()])

        assert host.store("mine:x") is store
        assert isinstance(host.store("memory:"), MemoryStore)
        assert host.store("other:x") is None
        assert asked == ["mine:x", "memory:", "other:x"]

    def test_what_is_no_store_is_refused(self) -> None:
        host = PluginHost([plugin(trioflow_store=lambda url: url)])

        with pytest.raises(PluginHookError) as caught:
            host.store("mine:x")

        assert caught.value.problem == "trioflow_store returned 'mine:x', which is not a Store"


@frozen
class Money:
    cents: int


class MoneyPlugin:
    """Writes and reads amounts as texts such as ``"5 EUR"``."""

    @hookimpl
    def trioflow_converter(self, converter: Any) -> None:
        def structure(value: Any, _: Any) -> Money:
            if isinstance(value, Money):
                return value
            number, _, unit = str(value).partition(" ")
            if unit != "EUR":
                raise ValueError(f"{value!r} is not an amount in EUR")
            return Money(int(number) * 100)

        converter.register_structure_hook(Money, structure)


class TestConverters:
    async def test_a_plugin_s_own_types_are_structured_everywhere(self) -> None:
        @step
        async def pay(amounts: list[Money]) -> Money:
            return Money(sum(amount.cents for amount in amounts))

        workflow: Workflow[Any, Any] = Workflow("w", input=dict[str, Money], output=Money)
        workflow = workflow.map(lambda amounts: [*amounts.values(), "3 EUR"]).then(pay)
        async with open_engine(plugins=[MoneyPlugin()]) as engine:
            result = await engine.create_run(workflow).start({"a": "5 EUR"})

            assert result.unwrap() == Money(800)
            with pytest.raises(InvalidValueError) as caught:
                await engine.create_run(workflow).start({"a": "5 USD"})
            assert str(caught.value) == (
                "input of workflow 'w' is invalid: ['a']: '5 USD' is not an amount in EUR"
            )
            structured: Any = engine.converter.structure("1 EUR", Money)
            assert structured == Money(100)

    async def test_other_engines_and_bare_runs_know_nothing_of_it(self) -> None:
        workflow: Workflow[Any, Any] = Workflow("w", input=Money)

        async with open_engine(plugins=[]) as engine:
            for run in (engine.create_run(workflow), workflow.create_run()):
                with pytest.raises(InvalidValueError, match="expected Money, received str"):
                    await run.start("5 EUR")

    @pytest.mark.parametrize(
        ("result", "problem"),
        [
            (RuntimeError("no cattrs"), "trioflow_converter raised RuntimeError: no cattrs"),
            (make_converter, "trioflow_converter returned <function make_converter"),
        ],
    )
    async def test_a_broken_one_is_named_when_the_engine_opens(
        self, result: Any, problem: str
    ) -> None:
        class Broken:
            @hookimpl
            def trioflow_converter(self, converter: Any) -> Any:
                if isinstance(result, Exception):
                    raise result
                return result

        with pytest.raises(PluginHookError) as caught:
            async with open_engine(plugins=[Broken()]):
                raise AssertionError("a broken converter hook was accepted")

        assert caught.value.plugin == "Broken"
        assert caught.value.problem.startswith(problem)

    async def test_a_hook_that_breaks_the_converter_is_not_taken_for_a_bad_type(self) -> None:
        class Late:
            @hookimpl
            def trioflow_converter(self, converter: Any) -> None:
                converter.register_structure_hook_factory(lambda cls: cls is Money, self.fail)

            def fail(self, cls: Any) -> Any:
                raise RuntimeError("no hook today")

        async with open_engine(plugins=[Late()]) as engine:
            with pytest.raises(DefinitionError, match="no hook today"):
                engine.create_run(Workflow("w", input=Money))


class Recorder(Instrument):
    def __init__(self, fail_at: str = "") -> None:
        self.seen: list[str] = []
        self.fail_at = fail_at

    def on_event(self, event: events.Event) -> None:
        self.seen.append(event.type)
        if event.type == self.fail_at:
            raise RuntimeError("out of paper")


class TestInstruments:
    async def test_they_see_every_event_of_every_run_as_it_happens(self) -> None:
        recorder = Recorder()
        workflow = Workflow("w").then(add_one)

        async with open_engine(plugins=[plugin(trioflow_instruments=lambda: [recorder])]) as engine:
            recorded = await record_run(engine.create_run(workflow), 1)
            once = list(recorder.seen)
            await engine.submit(workflow, 1).wait()

        assert once == [event.type for event in recorded]
        assert recorder.seen == once * 2

    async def test_one_that_raises_is_logged_once_and_left_out_for_the_rest_of_the_run(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        broken, healthy = Recorder("step-start"), Recorder()
        workflow = Workflow("w").then(add_one).then(add_one)

        async with open_engine(
            plugins=[plugin(trioflow_instruments=lambda: [broken, healthy])]
        ) as engine:
            result = await engine.create_run(workflow).start(1)

            assert result.unwrap() == 3
            assert broken.seen == ["start", "step-start"]
            assert len(healthy.seen) == 8
            (logged,) = caplog.records
            assert logged.levelno == logging.ERROR
            assert "is switched off" in logged.getMessage()
            assert logged.exc_info is not None
            assert isinstance(logged.exc_info[1], RuntimeError)

            await engine.create_run(workflow).start(1)
            assert broken.seen == ["start", "step-start"] * 2

    async def test_what_is_no_instrument_is_refused(self) -> None:
        error = refusal_of_instruments([print])

        assert error.problem == (
            "trioflow_instruments returned <built-in function print>, which is not a Instrument"
        )

    async def test_an_instrument_may_override_nothing(self) -> None:
        async with open_engine(
            plugins=[plugin(trioflow_instruments=lambda: [Instrument()])]
        ) as engine:
            assert (await engine.create_run(Workflow("w")).start(1)).unwrap() == 1


def refusal_of_instruments(given: Any) -> PluginHookError:
    host = PluginHost([plugin(trioflow_instruments=lambda: given)])
    with pytest.raises(PluginHookError) as caught:
        host.instruments()
    error: PluginHookError = caught.value
    return error


class TestCommands:
    def test_each_plugin_gets_the_application(self) -> None:
        app: list[str] = []

        class First:
            @hookimpl
            def trioflow_commands(self, app: list[str]) -> None:
                app.append("first")

        class Second:
            @hookimpl
            def trioflow_commands(self, app: list[str]) -> None:
                app.append("second")

        PluginHost([First(), Second()]).add_commands(app)

        assert app == ["first", "second"]

    async def test_an_engine_hands_its_own_on(self) -> None:
        class Commands:
            @hookimpl
            def trioflow_commands(self, app: list[str]) -> None:
                app.append("first")

        app: list[str] = []
        async with open_engine(plugins=[Commands()]) as engine:
            engine.add_commands(app)

        assert app == ["first"]

    def test_one_that_raises_is_named(self) -> None:
        class Broken:
            @hookimpl
            def trioflow_commands(self, app: Any) -> None:
                app.command(5)

        with pytest.raises(PluginHookError, match="trioflow_commands raised AttributeError"):
            PluginHost([Broken()]).add_commands([])


# ---------------------------------------------------------------- broken ones, for who only looks
class TestKeepingBrokenPlugins:
    def test_each_is_kept_with_its_first_error_and_the_others_are_loaded(self, site: Site) -> None:
        site.install("ants", "import nothing_of_this_name\n")
        site.install("bees")
        site.install("cats", STEPS, id="bees.step")
        site.install("dogs", "from trioflow import hookimpl\n\n@hookimpl\ndef trioflow_stps(): ...")

        host = PluginHost(["ants", "bees", "cats", "dogs"], keep_broken=True)

        assert list(host.steps) == ["bees.step"]
        assert {name: type(error) for name, (_, error) in host.broken.items()} == {
            "ants": PluginImportError,
            "cats": DuplicateIdError,
            "dogs": PluginHookError,
        }
        assert {info.origin for info, _ in host.broken.values()} == {
            "trioflow-ants 1.2",
            "trioflow-cats 1.2",
            "trioflow-dogs 1.2",
        }

    def test_what_is_sound_of_a_broken_hook_is_there(self) -> None:
        mixed = plugin(trioflow_steps=lambda: [add_one, "two"])

        host = PluginHost([mixed], keep_broken=True)

        assert list(host.steps) == ["add_one"]
        [(_, error)] = host.broken.values()
        assert error.problem == "trioflow_steps returned 'two', which is not a Step"

    def test_a_store_lists_its_schemes_where_another_one_is_unknown(self) -> None:
        shelves = plugin(trioflow_store_schemes=lambda: ["shelf", "cellar"])

        with pytest.raises(UnknownNameError, match="'attic'; known: memory, shelf, cellar"):
            open_store(PluginHost([shelves]), "attic:here")

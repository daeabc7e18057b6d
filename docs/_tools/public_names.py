"""Links from names in docstrings and annotations to the public names that the pages document.

Annotations name classes by the private module that defines them. What has a public name is linked
under that; what has none (type variables, ports) is plain text.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import make_refnode

MODULES = (
    "trioflow",
    "trioflow.errors",
    "trioflow.events",
    "trioflow.abc",
    "trioflow.addresses",
    "trioflow.commands",
    "trioflow.describe",
    "trioflow.hookspecs",
    "trioflow.instruments",
    "trioflow.nodes",
    "trioflow.runners",
    "trioflow.schedules",
    "trioflow.stores",
    "trioflow.testing",
    "trioflow.testing.strategies",
    "trioflow.validation",
    "trioflow.values",
    "trioflow.wire",
)
PRIVATE = re.compile(r"^(trioflow|trioflow_\w+)\._|Port$")
ELSEWHERE = {
    "AbstractAsyncContextManager": "contextlib.AbstractAsyncContextManager",
    "ClosedResourceError": "trio.ClosedResourceError",
    "Converter": "cattr.Converter",
    "cattrs.Converter": "cattr.Converter",
    "date": "datetime.date",
    "datetime": "datetime.datetime",
    "deque": "collections.deque",
    "timedelta": "datetime.timedelta",
}
"""Names that annotations of unimported modules use without their module."""
UNLINKED = {
    "LIMITS",
    "wake_at",
    "Schedules",
    "WorkflowSpec",
    "SearchStrategy",
    "RuleBasedStateMachine",
    "MISSING",
    "ObjectStore",
}


def public_names() -> dict[str, str]:
    """Map the names under which objects are defined, and their short names, to public ones."""
    public: dict[str, str] = {}
    for where in MODULES:
        module = importlib.import_module(where)
        for name in getattr(module, "__all__", None) or vars(module):
            found = getattr(module, name)
            if name.startswith("_") or not (inspect.isclass(found) or inspect.isfunction(found)):
                continue
            if not found.__module__.startswith("trioflow"):
                continue
            public.setdefault(f"{found.__module__}.{found.__qualname__}", f"{where}.{name}")
            public.setdefault(name, f"{where}.{name}")
    return public


PUBLIC = public_names()


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.Node | None:
    """Link a name that Sphinx does not find to the object with that public name."""
    target = str(node.get("reftarget", ""))
    if target in ELSEWHERE:
        node["reftarget"] = ELSEWHERE[target]  # which intersphinx then looks for
        return None
    domain: Any = env.domains["py"]
    for name in candidates(target):
        found = domain.objects.get(name)
        if found is not None:
            return make_refnode(
                app.builder, str(node["refdoc"]), found.docname, found.node_id, contnode, name
            )
    return contnode if is_private(node, target) else None


def candidates(target: str) -> list[str]:
    """Return the public names that a name may stand for."""
    whole, last = PUBLIC.get(target), target.rpartition(".")[2]
    owner, _, member = target.rpartition(".")
    by_owner = PUBLIC.get(owner) or PUBLIC.get(owner.rpartition(".")[2])
    names = [whole, PUBLIC.get(last)]
    names += [f"{by_owner}.{member}", by_owner] if by_owner else []
    return [name for name in names if name]


def is_private(node: pending_xref, target: str) -> bool:
    """Whether a name in an annotation is one that users cannot import, so there is no page."""
    if node.get("reftype") == "any":
        return target in UNLINKED
    is_annotation = node.get("reftype") in ("class", "obj", "data", "exc")
    name = target.rpartition(".")[2]
    is_defined = name not in PUBLIC and target.startswith("trioflow.")
    return is_annotation and (
        is_defined or name in UNLINKED or bool(PRIVATE.search(target)) or is_type_variable(name)
    )


def is_type_variable(name: str) -> bool:
    """Whether a name is that of a type variable or of an alias of annotations."""
    return bool(re.fullmatch(r"[A-Z][a-z]{0,3}\d?(_co|_contra)?", name)) or name in TYPE_NAMES


TYPE_NAMES = {"Next", "Prev", "Item", "Duration", "Hook", "TypeForm", "Computed", "Arm", "Body",
              "Repeated", "Delay", "MaybeAsync", "SourceLike", "Moment", "Durability", "OnFull",
              "Until", "RunStatus", "CallStatus", "ItemStatus", "StepKind", "OnError", "Resolve",
              "Target", "Function", "Source", "RunFilters", "AnyEvent", "Refusal", "Reading",
              "OpenResource", "OutlineKind", "Events", "Dialect", "Environment", "PluginHost",
              "RunRegistry", "StoredRuns"}  # fmt: skip


def keep_colons(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep napoleon from taking the beginning of an attribute's docstring for its type."""
    if what in ("attribute", "data", "property") and lines and ":" in lines[0]:
        lines[0] = f": {lines[0]}"


SHARED = re.compile(r"^(Args|Raises|Returns): (as for .*?)(?:,? and)?[.,]?$")


def keep_returns(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep napoleon from taking the beginning of a returned value's description for its type."""
    for index, line in enumerate(lines[:-1]):
        text = lines[index + 1]
        if line == "Returns:" and text.startswith(" "):
            indent = text[: len(text) - len(text.lstrip())]
            lines[index + 1] = f"{indent}: {text.lstrip()}"


class WholePackage:
    """The docstrings of attributes, which Sphinx looks for in the module that a class names.

    Classes of a package name the package, and stand in its private modules.
    """

    def __init__(self) -> None:
        self._find = ModuleAnalyzer.find_attr_docs
        self._found: dict[str, dict[tuple[str, str], list[str]]] = {}

    def find_attr_docs(self, analyzer: ModuleAnalyzer) -> dict[tuple[str, str], list[str]]:
        if analyzer.modname not in self._found:
            self._found[analyzer.modname] = self._find_all(analyzer)
        analyzer.attr_docs |= self._found[analyzer.modname]
        return self._found[analyzer.modname]

    def _find_all(self, analyzer: ModuleAnalyzer) -> dict[tuple[str, str], list[str]]:
        found = dict(self._find(analyzer))
        for name in sorted(sys.modules):
            if name.startswith(f"{analyzer.modname}._") and name.count(".") == (
                analyzer.modname.count(".") + 1
            ):
                found |= self._find(ModuleAnalyzer.for_module(name))
        return found


class FoundOnce:
    """The lookup of a name among all objects, which most annotations of a page repeat.

    Answers are kept from when all pages have been read: no object is added then.
    """

    def __init__(self) -> None:
        self._find = PythonDomain.find_obj
        self._found: dict[tuple[object, ...], Any] | None = None

    def keep(self, app: Sphinx, builder: object) -> None:
        self._found = {}

    def find_obj(self, domain: PythonDomain, env: BuildEnvironment, *names: Any) -> Any:
        if self._found is None:
            return self._find(domain, env, *names)
        if names not in self._found:
            self._found[names] = self._find(domain, env, *names)
        return self._found[names]


def split_shared(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Make a sentence and a section of ``Args: as for f, and`` with arguments below it."""
    for index in range(len(lines) - 2, -1, -1):
        found = SHARED.match(lines[index])
        if found and lines[index + 1].startswith(" "):
            section = found[1].replace("Args", "Arguments")
            lines[index : index + 1] = [f"{section} {found[2]}, and:", "", f"{found[1]}:"]


def setup(app: Sphinx) -> dict[str, Any]:
    # One signature per function, that of its definition, and not one per overload.
    ModuleAnalyzer.overloads = property(lambda self: {}, lambda self, value: None)  # type: ignore[assignment]
    whole = WholePackage()
    # A function, and no bound method, for it is called as a method of the analyzer.
    ModuleAnalyzer.find_attr_docs = lambda self: whole.find_attr_docs(self)  # type: ignore[method-assign]  # noqa: PLW0108
    once = FoundOnce()
    PythonDomain.find_obj = lambda *arguments: once.find_obj(*arguments)  # type: ignore[method-assign]  # noqa: PLW0108
    app.connect("write-started", once.keep)
    app.connect("missing-reference", resolve, priority=100)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
    app.connect("autodoc-process-docstring", split_shared, priority=400)
    app.connect("autodoc-process-docstring", keep_returns, priority=400)
    return {"parallel_read_safe": True}

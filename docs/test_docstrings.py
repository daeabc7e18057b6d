"""The blocks of code in docstrings are Python, and what they call takes what it is given.

They are cut from programs of a reader, so they cannot run; the programs of the site do.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from _tools import public_names

ROOT = Path(__file__).parents[1]
SOURCES = [
    *sorted((ROOT / "trioflow").rglob("*.py")),
    *sorted(
        path
        for path in (ROOT / "plugins").glob("*/trioflow_*/**/*.py")
        if "trioflow_ray" not in path.parts
    ),
]
BLOCK = re.compile(r"::\n\n(?P<code>(?:[ ]{2,}.*\n?|\n)+)")
PLUGINS = ("agents", "files", "mcp", "msgspec", "otel", "pictures", "process", "pydantic", "server")
MODULES = (
    *public_names.MODULES,
    *(f"trioflow_{plugin}" for plugin in (*PLUGINS, "sql")),
    *("typing", "collections.abc", "attrs", "cryptography.fernet", "hypothesis", "trio"),
)
"""Whose names a block uses without saying where from."""
OTHERS = ("run       = part+", "s3cret-of-ada name=ada")
"""How the blocks begin that are no Python: a grammar, and a line of a file."""
READERS = {"City", "Forecast", "Money"}
"""Classes of the reader."""


@attrs.frozen
class Block:
    """A block of code in a docstring."""

    path: Path
    owner: str
    code: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}: {self.owner}"


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield all strings that stand alone, those of attributes too, with what they stand in."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield getattr(node, "name", "the module"), inspect.cleandoc(text)


def blocks() -> Iterator[Block]:
    for path in SOURCES:
        source = path.read_text("utf-8")
        if "::\n\n" not in source:
            continue
        for owner, text in docstrings(ast.parse(source)):
            for found in BLOCK.finditer(text):
                code = textwrap.dedent(found["code"]).strip("\n")
                if not code.startswith(OTHERS):
                    yield Block(path, owner, code)


BLOCKS = list(blocks())


def parse(block: Block) -> ast.AsyncFunctionDef:
    """Parse a block as the body of an async function, for many of them await."""
    tree = ast.parse("async def block():\n" + textwrap.indent(block.code, "    "))
    [function] = tree.body
    assert isinstance(function, ast.AsyncFunctionDef)
    return function


def public() -> dict[str, Any]:
    """Return what the names of a block may stand for."""
    names: dict[str, Any] = dict(vars(builtins))
    for module in map(importlib.import_module, MODULES):
        names |= vars(module)
        # Some names of it are imported only when they are asked for.
        names |= {name: getattr(module, name, None) for name in getattr(module, "__all__", ())}
    return names


def own_names(function: ast.AsyncFunctionDef) -> set[str]:
    """Return the names that a block gives a value itself."""
    names: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
    return names


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 20


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_python(block: Block) -> None:
    compile(ast.Module([parse(block)], []), str(block.path), "exec")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_what_a_block_calls_takes_its_arguments(block: Block) -> None:
    function = parse(block)
    names = public()
    for name in own_names(function):
        names.pop(name, None)
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        called = find(call.func, names)
        if called is None or not str(getattr(called, "__module__", "")).startswith("trioflow"):
            continue
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            continue
        given: dict[str, None] = {word.arg: None for word in call.keywords if word.arg}
        inspect.signature(called).bind_partial(*[None for _ in call.args], **given)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_what_a_block_uses_of_us_exists(block: Block) -> None:
    context = importlib.import_module("trioflow").StepContext
    names = public()
    for node in ast.walk(parse(block)):
        match node:
            case ast.Attribute(value=ast.Name(id="ctx"), attr=attribute):
                assert hasattr(context, attribute), f"ctx.{attribute}"
            case ast.Name(id=name, ctx=ast.Load()) if name[0].isupper() and name not in names:
                assert name in own_names(parse(block)) | READERS, name


def find(function: ast.expr, names: dict[str, Any]) -> Any:
    """Return what a call calls, None if that cannot be known."""
    match function:
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=ast.Name(id="ctx"), attr=attribute):
            method = getattr(importlib.import_module("trioflow").StepContext, attribute)
            return method.__get__(object())
        case _:
            return None

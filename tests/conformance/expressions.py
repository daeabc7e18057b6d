"""The expressions of the case format, evaluated as the recording engine's language does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .undefined import UNDEFINED, exact, native

Expr = Any
"""A scalar, a list of expressions, or an object with one operator key."""


class UserError(Exception):
    """What a body or a function of a case raises."""

    def __init__(self, message: str, name: str = "Error", props: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.name = name
        self.props = dict(props or {})


class Scope(Protocol):
    """What an expression may look at. Values that are not there are None."""

    input: Any
    current: Any

    def init(self) -> Any: ...
    def resume(self) -> Any: ...
    def suspend_data(self) -> Any: ...
    def state(self) -> Any: ...
    def context(self, key: str) -> Any: ...
    def step(self, ref: str) -> Any: ...
    def run_count(self) -> int: ...
    def calls(self) -> int: ...
    def iteration(self) -> int | None: ...
    def abort(self) -> None: ...


def evaluate(expr: Expr, scope: Scope) -> Any:
    """Return the value of an expression, a fresh copy.

    Raises:
      UserError: if the expression raises.
      ValueError: if there is no such expression.
    """
    if isinstance(expr, list):
        return [evaluate(item, scope) for item in expr]
    if not isinstance(expr, Mapping):
        return expr
    operator, operand = next(iter(expr.items()))
    if operator == "step":
        return native(follow(scope.step(operand), expr.get("path", [])))
    if operator in LOOKUPS:
        return native(LOOKUPS[operator](scope, operand))
    if operator not in OPERATIONS:
        raise ValueError(f"no such expression: {expr!r}")
    return OPERATIONS[operator](*_operands(operator, operand, scope))


def follow(value: Any, path: Sequence[Any]) -> Any:
    """Return what a path of keys leads to, None if nowhere."""
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(str(key))
        elif isinstance(value, list) and str(key).isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return None if value is UNDEFINED else value


def truthy(value: Any) -> bool:
    """Tell whether a value counts as true: all but null, false, 0, NaN and the empty text."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return value is not UNDEFINED and value not in (None, False, 0, "")


def compact(value: Any) -> str:
    """Return the compact JSON text of a value."""
    return json.dumps(native(value), separators=(",", ":"), ensure_ascii=False)


# ---------------------------------------------------------------- lookups
def _aborted(scope: Scope, expr: Expr) -> Any:
    scope.abort()
    return evaluate(expr, scope)


def _raise(message: Any) -> Any:
    raise UserError(as_text(message))


LOOKUPS: dict[str, Callable[[Scope, Any], Any]] = {
    "const": lambda scope, constant: constant,
    "in": lambda scope, path: follow(scope.input, path),
    "v": lambda scope, path: follow(scope.current, path),
    "init": lambda scope, path: follow(scope.init(), path),
    "resume": lambda scope, path: follow(scope.resume(), path),
    "suspendData": lambda scope, path: follow(scope.suspend_data(), path),
    "state": lambda scope, path: follow(scope.state(), path),
    "ctx": lambda scope, key: follow(scope.context(key), []),
    "runCount": lambda scope, _: scope.run_count(),
    "calls": lambda scope, _: scope.calls(),
    "iteration": lambda scope, _: scope.iteration(),
    "abort": _aborted,
    "raise": lambda scope, message: _raise(evaluate(message, scope)),
    "obj": lambda scope, items: {key: evaluate(item, scope) for key, item in items.items()},
    "and": lambda scope, items: all(truthy(evaluate(item, scope)) for item in items),
    "or": lambda scope, items: any(truthy(evaluate(item, scope)) for item in items),
}


# ---------------------------------------------------------------- operations
def _operands(operator: str, operand: Any, scope: Scope) -> list[Any]:
    if operator in BINARY:
        return [evaluate(item, scope) for item in operand]
    return [evaluate(operand, scope)]


def as_text(value: Any) -> str:
    """Return a value as the language itself writes it into a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join("" if item is None else as_text(item) for item in value)
    return "[object Object]" if isinstance(value, dict) else compact(value)


def as_number(value: Any) -> float:
    """Return a value as the language counts with it; NaN if it is no number."""
    if value is None:
        return 0
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        try:
            return exact(float(value)) if value.strip() else 0
        except ValueError:
            return math.nan
    return as_number(as_text(value)) if isinstance(value, list) else math.nan


def _add(a: Any, b: Any) -> Any:
    if any(isinstance(side, str | list | dict) for side in (a, b)):
        return as_text(a) + as_text(b)
    return as_number(a) + as_number(b)


def _mod(a: Any, b: Any) -> float:
    dividend, divisor = as_number(a), as_number(b)
    return exact(math.fmod(dividend, divisor)) if divisor else math.nan


def _less(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return a < b
    return as_number(a) < as_number(b)


def _less_or_equal(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return a <= b
    return as_number(a) <= as_number(b)


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-16-le")) // 2
    return len(value) if isinstance(value, list | dict) else 0


def _sum(items: Any) -> Any:
    total: Any = 0
    for item in items or []:
        total = _add(total, item)
    return total


def _concat(items: Any) -> str:
    return "".join(item if isinstance(item, str) else compact(item) for item in items)


BINARY = frozenset({"add", "sub", "mul", "mod", "eq", "ne", "lt", "le", "gt", "ge"})
OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "sub": lambda a, b: as_number(a) - as_number(b),
    "mul": lambda a, b: as_number(a) * as_number(b),
    "mod": _mod,
    "eq": lambda a, b: compact(a) == compact(b),
    "ne": lambda a, b: compact(a) != compact(b),
    "lt": _less,
    "le": _less_or_equal,
    "gt": lambda a, b: _less(b, a),
    "ge": lambda a, b: _less_or_equal(b, a),
    "not": lambda value: not truthy(value),
    "isNull": lambda value: value is None,
    "concat": _concat,
    "list": lambda items: items,
    "range": lambda n: list(range(int(as_number(n)))),
    "len": _len,
    "sum": _sum,
}

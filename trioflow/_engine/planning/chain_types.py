"""Find chains that can never fit: no output of a node is an input of the next one.

It only judges where it is certain: both types are built-in scalars or containers, or attrs classes
or dataclasses, and the converter, which plugins can extend, refuses samples of the output.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

import attrs

from trioflow._values.structure import Structure, type_name
from trioflow.errors import DefinitionError, Fault, InvalidValueError

SAMPLES: dict[Any, tuple[Any, ...]] = {
    bool: (True, False),
    int: (0, 1, -1),
    float: (0.0, 0.5, 1.0),
    str: ("", "a", "1", "1.5", "true", "None", "[]", "{}"),
    list: ([],),
    tuple: ((),),
    dict: ({},),
}
"""Values of built-in classes, among them those that a lenient converter would convert."""


@attrs.frozen
class Giver:
    """What a node passes on."""

    who: str
    """It, as messages name it: ``"step 'fetch'"``."""
    type: Any


def check_fit(giver: Giver | None, taker: str, takes: Any, structure: Structure | None) -> None:
    """Check that some output of a node can be the input of another one.

    Args:
      giver: What comes; None if its type is not known.
      taker: The node that takes it.
      takes: Its declared type of input.
      structure: Structures its input.

    Raises:
      DefinitionError: if no output can.
    """
    if giver is None or structure is None or not _is_certain(giver.type, takes):
        return
    try:
        samples = list(_samples(giver.type))
    except TypeError:  # an abstract class, or one with a built-in base
        return
    if any(_is_taken(sample, structure) for sample in samples):
        return
    given, wanted = type_name(giver.type), type_name(takes)
    problem = f"it takes {wanted}, and gets {given} from {giver.who}"
    raise DefinitionError(taker, problem, "convert the value in between, for example with map()")


def check_items(giver: Giver | None, taker: str) -> None:
    """Check that what a foreach gets can be a list.

    Raises:
      DefinitionError: if it never is.
    """
    if giver is not None and _class_of(giver.type) in (bool, int, float, str, dict):
        problem = f"foreach takes a list, and gets {type_name(giver.type)} from {giver.who}"
        raise DefinitionError(taker, problem, "make a list of it, for example with map()")


def item_of(giver: Giver | None) -> Giver | None:
    """Return what a foreach passes to the call of one item."""
    if giver is None or typing.get_origin(giver.type) is not list:
        return None
    return Giver(f"an item of {giver.who}", typing.get_args(giver.type)[0])


def _is_certain(gives: Any, takes: Any) -> bool:
    given, taken = _class_of(gives), _class_of(takes)
    if given is None or taken is None:
        return False
    if _has_fields(taken):  # which a dict may have; an object may be of a subclass
        related = isinstance(given, type) and (issubclass(given, taken) or issubclass(taken, given))
        return given is not dict and not related
    # A dict or list may be empty here and fit, or have what the samples lack.
    return not (given is dict and taken is dict) and given is not taken


def _class_of(type_: Any) -> Any:
    cls = typing.get_origin(type_) or type_
    try:
        return cls if cls in SAMPLES or _has_fields(cls) else None
    except TypeError:  # it cannot be hashed
        return None


def _has_fields(cls: Any) -> bool:
    return isinstance(cls, type) and (attrs.has(cls) or dataclasses.is_dataclass(cls))


def _samples(type_: Any) -> Iterator[Any]:
    cls = _class_of(type_)
    if cls in SAMPLES:
        yield from SAMPLES[cls]
    else:
        yield _blank(cls)


def _blank(cls: Any) -> Any:
    """Return an instance whose fields are None: only its class is looked at."""
    made = object.__new__(cls)
    for field in attrs.fields(cls) if attrs.has(cls) else dataclasses.fields(cls):
        object.__setattr__(made, field.name, None)
    return made


def _is_certainly_wrong(fault: Fault) -> bool:
    """Return whether a fault lies in the class of a value: all its instances have it.

    Objects are structured field by field, and the fields of the sample have no values. A subclass
    may add fields that are missing, but it keeps those that are unknown. What a hook says may be
    about the sample alone.
    """
    return (not fault.path and bool(fault.received)) or fault.problem == "unknown key"


def _is_taken(sample: Any, structure: Structure) -> bool:
    try:
        structure(sample)
    except InvalidValueError as exc:
        return not any(map(_is_certainly_wrong, exc.faults))
    except Exception:  # a hook that expects what the sample lacks, so it takes the class
        return True
    return True

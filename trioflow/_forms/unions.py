"""Unions: the type of a value among several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from trioflow._forms.form import (
    KINDS,
    Form,
    Kind,
    Plain,
    content_of,
    fault,
    tag_of,
    tagged,
    wrong_class,
)
from trioflow._forms.scalars import JsonForm
from trioflow.errors import FaultsError, NotSerializableError


class UnionForm(Form):
    """A value of one of several types. The type is recorded if JSON alone does not determine it.

    A type needs no tag if no other arm may be written as the same kind of JSON, or if it is a JSON
    type itself: in ``datetime | str``, only the datetime is tagged.
    """

    def __init__(self, name: str, arms: Sequence[Form]) -> None:
        self.name = name
        self._arms = tuple(arms)
        self._tags = _names(arms)
        self.kinds = frozenset(kind for arm in arms for kind in arm.kinds)
        self._owners = {kind: _owner(kind, arms) for kind in self.kinds}
        """The arm that is written without a tag, by kind of JSON; None if there is none."""
        only = [arm for arm in arms if not _is_none(arm)]
        self._takes_none = len(only) < len(arms)
        self.only = only[0] if self._takes_none and len(only) == 1 else None
        """The arm of an optional type."""

    def accepts(self, value: Any) -> bool:
        return any(arm.accepts(value) for arm in self._arms)

    def is_exact(self, value: Any) -> bool:
        return any(arm.is_exact(value) for arm in self._arms)

    def dump(self, value: Any, depth: int) -> Plain:
        if value is None and self._takes_none:
            return None
        if self.only is not None:
            plain = self.only.dump(value, depth)
            # A null would be read as None: the member of an enum, say, whose value is None.
            return tagged(self.only.name, None) if plain is None else plain
        faults: list[FaultsError] = []
        refused: NotSerializableError | None = None
        for arm, tag in self._candidates(value):
            try:
                plain = arm.dump(value, depth)
            except FaultsError as exc:
                faults.append(exc)
            except NotSerializableError as exc:
                refused = refused or exc
            else:
                is_bare = tag_of(plain) is None and self._owners.get(KINDS[type(plain)]) is arm
                return plain if is_bare else tagged(tag, plain)
        if refused is not None:
            raise refused
        raise min(faults, key=_count, default=wrong_class(self.name, value))

    def _candidates(self, value: Any) -> Iterator[tuple[Form, str]]:
        """Yield the arms that may accept *value*, exact matches of its class first."""
        arms = list(zip(self._arms, self._tags, strict=True))
        yield from (pair for pair in arms if pair[0].is_exact(value))
        for arm, tag in arms:
            if not arm.is_exact(value) and arm.accepts(value):
                yield arm, tag

    def load(self, plain: Plain) -> Any:
        if plain is None and self._takes_none:
            return None
        tag = tag_of(plain)
        if self.only is not None:
            is_null = tag == self.only.name and content_of(plain) is None
            return self.only.load(None if is_null else plain)
        if tag is not None and tag in self._tags:
            return self._arms[self._tags.index(tag)].load(content_of(plain))
        owner = self._owners.get(KINDS[type(plain)])
        if owner is not None and tag is None:
            return owner.load(plain)
        return self._load_unmarked(plain, tag)

    def _load_unmarked(self, plain: Plain, tag: str | None) -> Any:
        """Return a value that was recorded before the type changed.

        The arm may have been the only type then, or its class may have been renamed.
        """
        found = []
        for arm in self._arms:
            try:
                found.append(arm.load(plain))
            except FaultsError:
                continue
        if len(found) == 1:
            return found[0]
        arms = ", ".join(self._tags)
        if tag is not None:
            raise fault(f"it was recorded as {tag!r}, which is not one of {arms}", self.name, tag)
        if found:
            raise fault(f"it was recorded without its type, and fits several of {arms}")
        received = KINDS[type(plain)]
        raise fault(f"expected {self.name}, received {received}", self.name, received)


def _is_none(arm: Form) -> bool:
    """Return whether None is the only value of an arm, and is written as such."""
    return isinstance(arm, JsonForm) and arm.kinds == {"null"}


def _owner(kind: Kind, arms: Sequence[Form]) -> Form | None:
    candidates = [arm for arm in arms if kind in arm.kinds]
    if len(candidates) == 1:
        return candidates[0]
    plain = [arm for arm in candidates if isinstance(arm, JsonForm)]
    return plain[0] if plain else None


def _names(arms: Sequence[Form]) -> list[str]:
    """Return a unique name for each arm."""
    names: list[str] = []
    for arm in arms:
        name, number = arm.name, 1
        while name in names:
            number += 1
            name = f"{arm.name} {number}"
        names.append(name)
    return names


def _count(exc: FaultsError) -> int:
    return len(exc.faults)


class GivenForm(Form):
    """A value from outside: recorded as the type if it can be structured into it."""

    def __init__(self, inner: Form, structure: Callable[[Any], Any]) -> None:
        self.name, self._inner, self._structure = inner.name, inner, structure
        self.kinds = inner.kinds

    def accepts(self, value: Any) -> bool:
        return True

    def dump(self, value: Any, depth: int) -> Plain:
        try:
            return self._inner.dump(value, depth)
        except FaultsError:
            structured = self._structure(value)
            if structured is value:
                raise
        return self._inner.dump(structured, depth)

    def load(self, plain: Plain) -> Any:
        return self._inner.load(plain)


class LooseForm(Form):
    """A value that should be of a type, but may be of another."""

    TAG = "any"

    def __init__(self, inner: Form, anything: Form) -> None:
        self.name, self.inner, self._anything = inner.name, inner, anything
        self.kinds = inner.kinds

    def accepts(self, value: Any) -> bool:
        return True

    def is_exact(self, value: Any) -> bool:
        return self.inner.is_exact(value)

    def dump(self, value: Any, depth: int) -> Plain:
        try:
            return self.inner.dump(value, depth)
        except FaultsError:
            return tagged(self.TAG, self._anything.dump(value, depth))

    def load(self, plain: Plain) -> Any:
        if tag_of(plain) == self.TAG:
            return self._anything.load(content_of(plain))
        return self.inner.load(plain)

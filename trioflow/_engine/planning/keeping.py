"""The large values of an engine: its value store, and how values are written there."""

from __future__ import annotations

import attrs

from trioflow._engine.planning.environment import Environment
from trioflow._forms.forms import Forms, Upgrade
from trioflow.abc import Codec, ValueStore
from trioflow.values import Values, value_store
from trioflow.values._access import Access
from trioflow.values._contents import Contents


def values_of(
    environment: Environment,
    recorded: Forms | None,
    upgrade: Upgrade,
    given: ValueStore | str,
    codec: Codec | None,
    patience: float,
) -> Values:
    """Return the values of an engine, for its bodies too.

    Args:
      recorded: The forms of the journals, which know the classes of the workflows.

    Raises:
      DefinitionError: if *given* names no value store.
    """

    async def exists(run_id: str) -> bool:
        known = environment.known()
        if known is None:
            return False
        return known.find(run_id) is not None or await known.is_stored(run_id)

    classes = None if recorded is None else recorded.known
    forms = Forms(environment.converter, upgrade, keeps_secrets=codec is not None, known=classes)
    access = Access(value_store(given), codec, patience)
    values: Values = Values._create(access, Contents(forms), exists)
    environment.services = attrs.evolve(environment.services, values=values)
    return values

"""What a step asks of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import attrs

from trioflow.errors import DefinitionError

KEY = "ray"
"""The key of these options in the metadata of a step or tool."""


@attrs.frozen(kw_only=True)
class Options:
    """Options of the Ray task of a body."""

    num_cpus: float = 1
    num_gpus: float = 0
    memory: int | None = None
    resources: Mapping[str, float] = attrs.field(factory=dict)
    label_selector: Mapping[str, str] = attrs.field(factory=dict)
    node: str | None = None
    spread: bool = False
    runtime_env: Mapping[str, Any] | None = None
    grace: float | None = None

    def for_ray(self) -> dict[str, Any]:
        """Return them as Ray takes them."""
        given: dict[str, Any] = {"num_cpus": self.num_cpus, "max_retries": 0}
        if self.num_gpus:
            given["num_gpus"] = self.num_gpus
        for name in ("memory", "resources", "label_selector", "runtime_env"):
            if getattr(self, name):
                given[name] = _plain(getattr(self, name))
        if self.node is not None:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            given["scheduling_strategy"] = NodeAffinitySchedulingStrategy(self.node, soft=False)
        elif self.spread:
            given["scheduling_strategy"] = "SPREAD"
        return given

    def needs(self) -> dict[str, object]:
        """Return what limits the nodes that can run the body."""
        named = ("num_cpus", "num_gpus", "memory", "resources", "label_selector", "node")
        return {name: getattr(self, name) for name in named if getattr(self, name)}


NAMES = tuple(field.name for field in attrs.fields(Options))


def ray_options(**options: Any) -> dict[str, Any]:
    """Return the ``metadata`` of a step or tool that asks for resources of the cluster.

    ``@step(runner="ray", metadata=ray_options(num_gpus=1) | {"owner": "ml"})``

    Args:
      options: Any of these.

        - ``num_cpus``, ``num_gpus``: how many a body needs, also parts of one; 1 and 0.
        - ``memory``: bytes that a body needs.
        - ``resources``: amounts of other resources by name.
        - ``label_selector``: labels that the node must have.
        - ``node``: id of the node; no other is used.
        - ``spread``: whether bodies are spread over the nodes.
        - ``runtime_env``: Ray's description of packages, files and variables for the worker.
        - ``grace``: seconds that a body has to end when it is canceled, before its worker is
          killed.

      Retries are not among them: they belong to the step.

    Raises:
      TypeError: if there is no such option.
      ValueError: if a value is impossible.
    """
    make_options(options)
    return {KEY: MappingProxyType(dict(options))}


def make_options(given: Mapping[str, Any]) -> Options:
    """Return options.

    Raises:
      TypeError, ValueError: as `ray_options` does.
    """
    for name in given:
        if name not in NAMES:
            close = get_close_matches(str(name), NAMES, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(NAMES)}"
            raise TypeError(f"Ray has no option {name!r} for a step; {hint}")
    options = Options(**given)
    for name in ("num_cpus", "num_gpus", "memory", "grace"):
        value = getattr(options, name)
        if value is not None and (isinstance(value, bool) or not value >= 0):
            raise ValueError(f"{name} must be a number >= 0, not {value!r}")
    return options


def options_of(defaults: Mapping[str, Any], metadata: Mapping[str, Any], where: str) -> Options:
    """Return the options of a step or tool.

    Raises:
      DefinitionError: if its metadata has options that do not exist.
    """
    own = metadata.get(KEY, {})
    try:
        if not isinstance(own, Mapping):
            raise TypeError(f"the options are {own!r}")
        return make_options({**defaults, **own})
    except (TypeError, ValueError) as exc:
        raise DefinitionError(where, str(exc), "use metadata=ray_options(...)") from exc


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value

"""Descriptions of definitions: a tree, a diagram, a schema.

Nothing here runs a workflow. Conditions and mapping functions appear under their names;
conditions that are short lambdas appear as their source.
"""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow.describe._mermaid import to_mermaid
    from trioflow.describe._outline import Definition, Outline, Provider, Resolve, outline
    from trioflow.describe._schema import json_schema
    from trioflow.describe._tree import to_tree

__all__ = [
    "Definition",
    "Outline",
    "Provider",
    "Resolve",
    "json_schema",
    "outline",
    "to_mermaid",
    "to_tree",
]

if not TYPE_CHECKING:  # otherwise type checkers would accept every name
    __getattr__ = lazy_names(
        __name__,
        {
            "Definition": "trioflow.describe._outline",
            "Outline": "trioflow.describe._outline",
            "Provider": "trioflow.describe._outline",
            "Resolve": "trioflow.describe._outline",
            "json_schema": "trioflow.describe._schema",
            "outline": "trioflow.describe._outline",
            "to_mermaid": "trioflow.describe._mermaid",
            "to_tree": "trioflow.describe._tree",
        },
    )

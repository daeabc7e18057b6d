"""What was defined, to look at: a tree, a diagram, a schema.

Nothing here runs anything. Conditions and mapping functions appear under their names.
"""

from __future__ import annotations

from trioflow._public import publish
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

publish(__name__, __all__, globals())

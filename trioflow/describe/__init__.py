"""What was defined, for people to look at: a tree, a diagram.

Nothing here runs anything. Conditions and mapping functions appear under their names.
"""

from __future__ import annotations

from trioflow.describe.mermaid import to_mermaid
from trioflow.describe.outline import Outline, Resolve, outline
from trioflow.describe.tree import to_tree

__all__ = ["Outline", "Resolve", "outline", "to_mermaid", "to_tree"]

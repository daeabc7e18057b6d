"""How values are recorded: one form per type, for both directions.

A `Form` writes the values of one type as plain JSON types, and reads them back. It writes the same
as `trioflow.wire` if the type alone is sufficient to read it back. Otherwise it adds a tag that
describes the value: an object whose only key begins with ``$``.

============================ ================================================================
``{"$tuple": [1, 2]}``       of another class than the type or JSON implies
``{"$Rejected": {...}}``     the arm of a union
``{"$app.models:Dog": ...}`` of a class, by its module and name
``{"$v2": {...}}``           written by version 2 of its class
``{"$pairs": [[1, "a"]]}``   a mapping whose keys are not strings
``{"$dict": {"$a": 1}}``     a mapping that looks like a tag
============================ ================================================================

`trioflow._forms.shown.untagged` removes the tags, for display.
"""

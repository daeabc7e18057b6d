"""How values are recorded: for each type one rule for both directions.

A `Form` writes the values of one type as plain JSON types, and reads them back. What it writes
is what `trioflow.wire` writes, as far as that can be read back by the type alone. Where it
cannot, a tag says what the value was: an object whose only key begins with ``$``.

============================ ================================================================
``{"$tuple": [1, 2]}``       of another class than the type says, or than JSON has
``{"$Rejected": {...}}``     which arm of a union it is of
``{"$app.models:Dog": ...}`` of a class that is found by its module and name
``{"$v2": {...}}``           by which version of its class it was written
``{"$pairs": [[1, "a"]]}``   a mapping whose keys are no strings
``{"$dict": {"$a": 1}}``     a mapping that would look like a tag
============================ ================================================================

`trioflow._forms.shown.untagged` takes the tags away again, for people.
"""

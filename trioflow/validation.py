"""What authors of ``trioflow_converter`` hooks need to be as strict as trioflow itself."""

from trioflow._public import publish
from trioflow._values.structure import (
    as_mapping,
    faults_of,
    fields_of,
    make_converter,
    type_name,
    wrong_type,
)

__all__ = ["as_mapping", "faults_of", "fields_of", "make_converter", "type_name", "wrong_type"]

publish(__name__, __all__, globals())

"""What authors of ``trioflow_converter`` hooks need to be as strict as trioflow itself."""

from trioflow._values.structure import (
    as_mapping,
    faults_of,
    fields_of,
    make_converter,
    type_name,
    wrong_type,
)

__all__ = ["as_mapping", "faults_of", "fields_of", "make_converter", "type_name", "wrong_type"]

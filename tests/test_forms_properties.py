"""What holds for values of all types: what is recorded is read back equal, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioflow._forms import slices
from trioflow._forms.form import MAX_DEPTH
from trioflow._forms.forms import Forms
from trioflow._forms.shown import escaped, untagged
from trioflow._values.structure import make_converter
from trioflow.errors import FaultsError
from trioflow.testing._same import is_same_value
from trioflow.testing.strategies import TypedValues, typed_values

CONVERTER = make_converter()
FORMS = Forms(lambda: CONVERTER)


@given(st.data(), typed_values())
def test_what_is_recorded_by_its_type_is_read_back_equal(
    data: st.DataObject, kind: TypedValues
) -> None:
    value = data.draw(kind.values)
    form = FORMS.form(kind.type)

    plain = json.loads(json.dumps(form.dump(value, MAX_DEPTH), allow_nan=False))

    assert is_same_value(form.load(plain), value)
    json.dumps(untagged(plain))


@given(st.data(), typed_values())
def test_what_is_recorded_without_a_type_is_read_back_equal(
    data: st.DataObject, kind: TypedValues
) -> None:
    value = data.draw(kind.values)

    plain = json.loads(json.dumps(FORMS.anything.dump(value, MAX_DEPTH), allow_nan=False))

    assert is_same_value(FORMS.anything.load(plain), value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2) | st.sampled_from(["$a", "$dict"]), inner, max_size=2)
    ),
)


@given(JSON)
def test_plain_json_stays_what_it_is(value: Any) -> None:
    assert untagged(escaped(value)) == value
    assert FORMS.anything.load(escaped(value)) == value


@given(st.data(), typed_values(), st.integers(0, 6))
def test_slices_are_the_same_text(data: st.DataObject, kind: TypedValues, large: int) -> None:
    value = data.draw(kind.values)
    form = FORMS.form(kind.type)
    pieces: list[str] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "LARGE", large)
        try:
            for _ in slices.write_slices(form, value, pieces):
                pass
        except FaultsError:
            return  # it is written at once

    assert "".join(pieces) == json.dumps(form.dump(value, MAX_DEPTH), separators=(",", ":"))

"""What is special to types that are no models but speak to Pydantic."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import trioflow_pydantic
from attrs import frozen
from cattrs import Converter
from pydantic import BaseModel, HttpUrl, PastDate, SecretBytes, SecretStr

from trioflow.describe import json_schema
from trioflow.errors import NotSerializableError
from trioflow.wire import lenient_json


def test_classes_that_trioflow_knows_are_left_to_it(converter: Converter) -> None:
    @frozen
    class Both:
        day: date

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            raise NotImplementedError

    both = Both(date(2026, 1, 2))

    assert converter.structure({"day": "2026-01-02"}, Both) == both
    assert converter.unstructure(both) == {"day": "2026-01-02"}


def test_a_model_takes_them_beside_instances(converter: Converter) -> None:
    class Link(BaseModel):
        url: HttpUrl
        page: Any = None

    page = object()
    link = converter.structure({"url": "http://example.org/", "page": page}, Link)

    assert link.url == HttpUrl("http://example.org/")
    assert link.page is page


def test_what_is_masked_stays_masked(converter: Converter) -> None:
    assert lenient_json({"key": SecretStr("hunter2")}, converter) == {
        "key": "SecretStr('**********')"
    }


class Login(BaseModel):
    token: SecretStr | SecretBytes


@pytest.mark.parametrize("value", [SecretStr("a"), SecretBytes(b"a"), Login(token=SecretStr("a"))])
def test_secrets_are_not_written(value: Any, converter: Converter) -> None:
    with pytest.raises(NotSerializableError, match="a secret"):
        converter.unstructure(value)


@pytest.mark.parametrize(
    ("type_", "format_"), [(HttpUrl, "uri"), (SecretStr, "password"), (PastDate, "date")]
)
def test_they_are_described(type_: Any, format_: str) -> None:
    assert json_schema(type_, plugins=[trioflow_pydantic])["format"] == format_

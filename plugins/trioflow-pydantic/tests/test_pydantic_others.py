"""Types that are no models but speak to Pydantic: in attrs classes, in models, by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import trioflow_pydantic
from attrs import frozen
from cattrs import Converter
from pydantic import BaseModel, HttpUrl, PastDate, SecretStr

from trioflow import json_schema

URL = HttpUrl("http://example.org/")


@frozen
class Page:
    url: HttpUrl
    day: PastDate


class Link(BaseModel):
    url: HttpUrl
    page: Any = None


PAGE = Page(URL, date(1815, 12, 10))


def test_they_are_read_and_written_as_pydantic_does(converter: Converter) -> None:
    written = {"url": "http://example.org/", "day": "1815-12-10"}

    assert converter.structure(written, Page) == PAGE
    assert converter.unstructure(URL) == written["url"]


def test_instances_are_passed_on(converter: Converter) -> None:
    assert converter.structure(PAGE, Page) is PAGE
    assert converter.structure({"url": URL, "day": PAGE.day}, Page).url is URL


def test_a_model_takes_them_beside_instances(converter: Converter) -> None:
    link = converter.structure({"url": "http://example.org/", "page": PAGE}, Link)

    assert link == Link(url=URL, page=PAGE)


def test_what_does_not_fit_is_told(faults: Callable[[Any, Any], list[str]]) -> None:
    [url, day] = faults({"url": "here", "day": "2999-01-01"}, Page)

    assert url.startswith("url: Input should be a valid URL")
    assert day == "day: Date should be in the past"
    assert faults(Page, HttpUrl) != []


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


def test_what_is_masked_stays_masked(converter: Converter) -> None:
    assert converter.unstructure(SecretStr("x")) == "**********"


@pytest.mark.parametrize(
    ("type_", "format_"), [(HttpUrl, "uri"), (SecretStr, "password"), (PastDate, "date")]
)
def test_they_are_described(type_: Any, format_: str) -> None:
    assert json_schema(type_, plugins=[trioflow_pydantic])["format"] == format_

"""A browser without scripts: it follows links, fills in forms and presses their buttons."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import attrs
import httpx


@attrs.define
class HtmlForm:
    """One form of a page."""

    action: str
    fields: dict[str, str]
    buttons: list[str]
    """The values of its buttons named ``do``."""
    marks: dict[str, str]

    def filled(self, button: str, **values: str) -> dict[str, str]:
        """Return what a browser sends; values may have names with ``__`` for a slash."""
        assert button in self.buttons, (button, self.buttons)
        given = {name.replace("__", "/"): text for name, text in values.items()}
        unknown = given.keys() - self.fields.keys()
        assert not unknown, (unknown, self.fields)
        return self.fields | given | {"do": button}


class _Reader(HTMLParser):
    """Reads what a page contains."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        self.tags.append((tag, attributes))
        name, value = attributes.get("name", ""), attributes.get("value", "")
        match tag:
            case "a":
                self.links.append(attributes.get("href", ""))
            case "form":
                self.forms.append(HtmlForm(attributes.get("action", ""), {}, [], attributes))
            case "input" if self.forms and name:
                self.forms[-1].fields[name] = value
            case "button" if self.forms and name == "do":
                self.forms[-1].buttons.append(value)
            case "select":
                self._select = name
            case "option" if self._select and self.forms:
                fields = self.forms[-1].fields
                if "selected" in attributes or self._select not in fields:
                    fields[self._select] = value
            case "textarea" if self.forms:
                self._area = name
                self.forms[-1].fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._area is not None:
            self.forms[-1].fields[self._area] += data


@attrs.define
class Shown:
    """One page that was loaded."""

    answer: httpx.Response
    reader: _Reader

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def text(self) -> str:
        """What can be read on it."""
        return " ".join(" ".join(self.reader.texts).split())

    @property
    def tags(self) -> list[tuple[str, dict[str, str]]]:
        return self.reader.tags

    def form(self, button: str) -> HtmlForm:
        """Return the first form with a button."""
        return next(form for form in self.reader.forms if button in form.buttons)

    @property
    def alerts(self) -> bool:
        """Whether something is reported."""
        return any(given.get("role") == "alert" for _, given in self.tags)

    @property
    def cards(self) -> dict[str, str]:
        """The statuses of the cards of the graph, by address."""
        return {
            given["data-address"]: given["data-status"]
            for _, given in self.tags
            if "data-status" in given
        }


@attrs.define
class Visitor:
    """Someone with a browser without scripts."""

    client: httpx.AsyncClient

    async def go(self, path: str, **query: Any) -> Shown:
        """Load a page."""
        headers = {"accept": "text/html"}
        answer = await self.client.get(
            path, params=query or None, headers=headers, follow_redirects=True
        )
        return read(answer)

    async def press(self, page: Shown, button: str, **values: str) -> Shown:
        """Press a button of a form of a page."""
        form = page.form(button)
        answer = await self.client.post(
            form.action,
            data=form.filled(button, **values),
            headers={"accept": "text/html"},
            follow_redirects=True,
        )
        return read(answer)


def read(answer: httpx.Response) -> Shown:
    """Return an answer as a page."""
    reader = _Reader()
    reader.feed(answer.text)
    reader.close()
    return Shown(answer, reader)

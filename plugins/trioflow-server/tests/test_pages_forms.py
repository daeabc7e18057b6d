"""Starting, answering, canceling, retrying and forking with forms, without scripts."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import trio
from trioflow_server.safety.tokens import read_tokens

from .forms_filled import Shown, Visitor
from .serving import OPEN, Bench
from .test_pages_runs import BASKET, open_pages


def run_id_of(page: Shown) -> str:
    return page.answer.url.path.removeprefix("/runs/")


async def ended(bench: Bench, page: Shown) -> str:
    """Wait for the run that a page shows, and return its status."""
    run = await bench.engine.load_run(run_id_of(page))
    with trio.fail_after(30):
        return (await run.wait()).status


# ---------------------------------------------------------------- start
async def test_a_run_is_started_with_a_form() -> None:
    async with open_pages() as (bench, visitor):
        page = await visitor.go("/workflows/order")
        page = await visitor.press(page, "add:/lines", v__customer="Ada")
        page = await visitor.press(page, "add:/lines", v__lines__0__article="tea")
        page = await visitor.press(page, "remove:/lines/0", v__lines__1__article="sugar")
        run = await visitor.press(
            page, "fields", v__lines__0__count="7", tags="x, y", resource="acme"
        )
        status = await ended(bench, run)
        info = await bench.engine.find_run_info(run_id_of(run))

    assert status == "suspended"
    assert info.input["customer"] == "Ada"
    assert info.input["lines"] == [{"article": "sugar", "count": 7, "size": "small"}]
    assert (set(info.tags), info.resource_id) == ({"x", "y"}, "acme")


async def test_a_form_that_is_sent_twice_starts_one_run() -> None:
    async with open_pages() as (bench, visitor):
        page = await visitor.go("/workflows/interview")
        first, second = [
            await visitor.press(page, "json", json='["ann"]', resource="") for _ in range(2)
        ]
        count = await bench.engine.count_runs()

    assert run_id_of(first) == run_id_of(second)
    assert count == 1


async def test_mistakes_are_shown_at_their_fields() -> None:
    async with open_pages() as (bench, visitor):
        page = await visitor.go("/workflows/order")
        page = await visitor.press(page, "add:/lines")
        wrong = await visitor.press(
            page, "fields", v__lines__0__count="two", v__express="", v__lines__0__size=""
        )
        chosen = await visitor.press(wrong, "show", k__discount="0")
        kept = wrong.form("fields").fields
        count = await bench.engine.count_runs()

    assert wrong.status == 400
    assert "Not JSON" in wrong.text
    assert kept["v/lines/0/count"] == "two"
    invalid = [given["name"] for _, given in wrong.tags if "aria-invalid" in given]
    assert "v/lines/0/count" in invalid
    assert "v/discount//article" in chosen.form("fields").fields
    assert count == 0


async def test_faults_that_the_engine_finds_are_shown() -> None:
    async with open_pages() as (_, visitor):
        page = await visitor.go("/workflows/order")
        of_json = await visitor.press(page, "json", json='{"customer": 5}')
        broken = await visitor.press(page, "json", json="{nope")
        extra = await visitor.press(page, "json", json='{"customer": "a", "extra": 1}')
        taken = await visitor.press(page, "fields", v__customer="a", run_id="a b")

    assert [each.status for each in (of_json, broken, extra, taken)] == [400] * 4
    assert "customer" in of_json.text
    assert "Not JSON" in broken.text
    assert "Invalid run id" in taken.text


async def test_json_fills_the_form_and_the_form_the_json() -> None:
    async with open_pages() as (_, visitor):
        page = await visitor.go("/workflows/order")
        page = await visitor.press(
            page,
            "from-json",
            json='{"customer": "Bo", "lines": [{"article": "x"}], "discount": 0.5}',
        )
        fields = page.form("fields").fields
        again = await visitor.press(page, "show", v__customer="Cy")

    assert fields["v/customer"] == "Bo"
    assert fields["v/lines/0/article"] == "x"
    assert fields["v/discount/"] == "0.5"
    assert '"customer": "Cy"' in again.form("fields").fields["json"]


# ---------------------------------------------------------------- answer
async def test_a_suspended_step_is_answered_with_a_form() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        page = await visitor.go("/runs/o1")
        wrong = await visitor.press(page, "answer:fields", v__reason="because")
        right = await visitor.press(wrong, "answer:fields", v__approved="true")
        status = await ended(bench, right)
        late = await visitor.press(wrong, "answer:fields", v__approved="true")

    assert (wrong.status, wrong.form("answer:fields").fields["v/reason"]) == (400, "because")
    assert "Required" in wrong.text
    assert status == "success"
    assert late.status == 409
    assert "does not wait for this answer" in late.text


async def test_each_question_has_its_form() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("interview", ["ann", "bob"], "i1")
        page = await visitor.go("/runs/i1")
        assert len([f for f in page.reader.forms if "answer:fields" in f.buttons]) == 2
        page = await visitor.press(page, "answer:fields", v="yes")
        with trio.fail_after(30):
            while len([f for f in page.reader.forms if "answer:fields" in f.buttons]) != 1:
                page = await visitor.go("/runs/i1")
        page = await visitor.press(page, "answer:json", json='"no"')
        status = await ended(bench, page)
        result = (await bench.engine.load_run("i1")).record.output

    assert status == "success"
    assert sorted(result) == ["no", "yes"]


async def test_items_are_answered_one_by_one() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("signatures", [1, 2], "s1")
        page = await visitor.go("/runs/s1")
        assert "sign [0] waits" in page.text
        page = await visitor.press(page, "answer:fields", v__approved="true")
        assert await ended(bench, page) == "suspended"
        page = await visitor.go("/runs/s1")
        page = await visitor.press(page, "answer:fields", v__approved="false")
        assert await ended(bench, page) == "success"
        output = (await bench.engine.load_run("s1")).record.output

    assert output == [True, False]


async def test_an_event_is_sent_with_a_form() -> None:
    async with open_pages() as (bench, visitor):
        await bench.engine.start_once("awaiting", 1, run_id="a1")
        with trio.fail_after(30):
            while "waits for the event parcel" not in (page := await visitor.go("/runs/a1")).text:
                pass
        page = await visitor.press(page, "answer:json", json='"here"')
        status = await ended(bench, page)
        output = (await bench.engine.load_run("a1")).record.output

    assert (status, output) == ("success", "here")


async def test_an_event_that_a_body_waits_for_is_sent_with_a_form() -> None:
    async with open_pages() as (bench, visitor):
        await bench.engine.start_once("listening", 1, run_id="l1")
        with trio.fail_after(30):
            while "waits for the event news" not in (page := await visitor.go("/runs/l1")).text:
                pass
        page = await visitor.press(page, "answer:json", json='"heard"')
        status = await ended(bench, page)

    assert status == "success"


async def test_faults_of_an_answer_are_shown() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        page = await visitor.go("/runs/o1")
        wrong = await visitor.press(page, "answer:json", json='{"approved": "perhaps"}')
        added = await visitor.press(page, "answer:from-json", json='{"approved": true}')

    assert (wrong.status, wrong.alerts) == (400, True)
    assert "approved" in wrong.text
    assert added.form("answer:fields").fields["v/approved"] == "true"


# ---------------------------------------------------------------- cancel, retry, fork
async def test_a_run_is_canceled_with_a_reason() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        page = await visitor.go("/runs/o1")
        after = await visitor.press(page, "cancel", reason="<b>enough</b>")
        again = await visitor.press(page, "cancel")

    assert "canceled" in after.text
    assert "<b>enough</b>" in after.text
    assert again.status == 409


async def test_a_failed_run_is_retried(tmp_path: Path) -> None:
    file = trio.Path(tmp_path / "file")
    async with open_pages() as (bench, visitor):
        await bench.start("fragile", str(file), "f1")
        await file.write_text("")
        page = await visitor.press(await visitor.go("/runs/f1"), "retry")
        status = await ended(bench, page)

    assert (run_id_of(page), status) == ("f1~retry", "success")
    assert "Forked from f1" in page.text


async def test_a_run_is_forked_at_a_step() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        page = await visitor.go("/runs/o1")
        wrong = await visitor.press(page, "fork", input="{nope")
        forked = await visitor.press(page, "fork", step="pick")
        status = await ended(bench, forked)

    assert (wrong.status, wrong.alerts) == (400, True)
    assert run_id_of(forked) != "o1"
    assert "Forked from o1" in forked.text
    assert status == "suspended"


# ---------------------------------------------------------------- who may
async def test_forms_are_for_those_who_may_use_them() -> None:
    lines = ["token-of-a-reader-1 name=reader scopes=read", "token-of-the-admin1 name=root"]
    closed = attrs.evolve(OPEN, tokens=read_tokens(lines), allow_unauthenticated=False)
    async with open_pages(closed) as (bench, visitor):
        await bench.engine.start_once("order", BASKET, run_id="o1")
        page = await log_in(visitor, "token-of-a-reader-1")
        reader = [await visitor.go("/workflows/order"), await visitor.go("/runs/o1")]
        token = page.form_token
        sent = await bench.client.post("/runs/o1", data={"do": "cancel", "csrf": token})
        started = await bench.client.post("/workflows/order", data={"do": "fields", "csrf": token})

    assert not any(
        button for each in reader for form in each.reader.forms for button in form.buttons
    )
    assert (sent.status_code, started.status_code) == (403, 403)


@attrs.frozen
class LoggedIn:
    page: Shown
    form_token: str


async def log_in(visitor: Visitor, token: str, path: str = "/") -> LoggedIn:
    form = (await visitor.go(path)).reader.forms[-1]
    data = form.fields | {"token": token}
    await visitor.client.post(form.action, data=data)
    page = await visitor.go(path)
    found = [form.fields["csrf"] for form in page.reader.forms if "csrf" in form.fields]
    return LoggedIn(page, found[0])


async def test_a_link_leads_to_its_page_after_the_login() -> None:
    tokens = read_tokens(["token-of-the-admin1 name=root"])
    closed = attrs.evolve(OPEN, tokens=tokens, allow_unauthenticated=False)
    async with open_pages(closed) as (_, visitor):
        link = "/?status=failed&workflow=order"
        asked = await visitor.go("/runs/o1?view=events")
        odd = await visitor.go("/runs/a%3Fb%22c")
        form = asked.reader.forms[-1]
        data = form.fields | {"token": "token-of-the-admin1"}
        right = await visitor.client.post("/login", data=data)
        elsewhere = await visitor.client.post(
            "/login", data=data | {"next": "//evil.example/runs/"}
        )
        listed = await visitor.client.post("/login", data=data | {"next": link})
        wrong = {"token": "x", "next": "javascript:alert(1)"}
        failed = await visitor.client.post("/login", data=form.fields | wrong)

    assert (asked.status, "Log in" in asked.text) == (401, True)
    assert right.headers["location"] == "/runs/o1?view=events"
    assert elsewhere.headers["location"] == "/"
    assert listed.headers["location"] == link
    assert odd.reader.forms[-1].fields["next"] == "/runs/a%3Fb%22c"
    assert (failed.status_code, "javascript:" in failed.text) == (403, False)


@pytest.mark.parametrize("csrf", [None, "", "x", "é"])
async def test_forged_forms_are_refused(csrf: str | None) -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        given = {} if csrf is None else {"csrf": csrf}
        for cookies in (False, True):
            if cookies:
                await visitor.go("/runs/o1")
            for path, do in (("/runs/o1", "cancel"), ("/workflows/order", "fields")):
                answer = await bench.client.post(path, data={"do": do, **given})
                assert (answer.status_code, answer.json()["code"]) == (403, "forged-form")
        status = (await bench.engine.find_run_info("o1")).status

    assert status == "suspended"


async def test_unknown_actions_are_refused() -> None:
    async with open_pages() as (bench, visitor):
        await bench.start("order", BASKET, "o1")
        token = (await visitor.go("/runs/o1")).form("cancel").fields["csrf"]
        answer = await bench.client.post("/runs/o1", data={"do": "explode", "csrf": token})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown-action")


# ---------------------------------------------------------------- documentation
async def test_workflows_and_plugins_are_shown_with_their_docs() -> None:
    async with open_pages(plugins=["files"]) as (_, visitor):
        workflows = await visitor.go("/workflows")
        order = await visitor.go("/workflows/order")
        report = await visitor.go("/workflows/files.report")
        plugins = await visitor.go("/plugins")

    assert "Takes an order through the house." in workflows.text
    assert "Look whether everything is there." in order.text
    assert "JSON Schema of the input" in order.text
    assert "from files" in report.text
    assert "Search the files of a folder" in plugins.text
    assert "Documentation of trioflow-files" in plugins.text

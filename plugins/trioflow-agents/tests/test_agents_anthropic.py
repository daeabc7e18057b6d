"""What is sent to Anthropic's interface, which refuses messages without content."""

from __future__ import annotations

import pytest
from trioflow_agents import Assistant, ModelRequest, System, ToolAnswer, User
from trioflow_agents.anthropic_messages import messages_request

from .helping import asks


@pytest.mark.parametrize("empty", ["", " \n"])
def test_a_reply_without_text_is_left_out(empty: str) -> None:
    said = (System("be brief"), User("well?"), Assistant(empty), User("go on"))

    sent = messages_request(ModelRequest(said))

    blocks = [{"type": "text", "text": "well?"}, {"type": "text", "text": "go on"}]
    assert sent["messages"] == [{"role": "user", "content": blocks}]
    assert sent["system"] == "be brief"


def test_the_calls_of_a_reply_without_text_are_sent() -> None:
    call = asks("c1", "add", a=1, b=2)
    said = (User("1 and 2?"), Assistant(" ", [call]), ToolAnswer("c1", "add", "3"))

    asked, called, answered = messages_request(ModelRequest(said))["messages"]

    assert [turn["role"] for turn in (asked, called, answered)] == ["user", "assistant", "user"]
    assert [block["type"] for block in called["content"]] == ["tool_use"]
    assert [block["type"] for block in answered["content"]] == ["tool_result"]

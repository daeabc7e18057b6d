"""What the requests of several providers have in common."""

from __future__ import annotations

import base64
import json
from typing import Any

from trioflow_agents.messages import File, Image, ToolAnswer


def as_base64(data: bytes) -> str:
    """Return bytes as a string."""
    return base64.b64encode(data).decode("ascii")


def data_url(data: bytes, media_type: str) -> str:
    """Return bytes as an address."""
    return f"data:{media_type};base64,{as_base64(data)}"


def image_url(image: Image) -> str:
    """Return the address of an image; its bytes are in the address if it has no other."""
    return image.url or data_url(image.data or b"", image.media_type)


def file_url(file: File) -> str:
    """Return the bytes of a file as an address."""
    return data_url(file.data, file.media_type)


def answer_text(answer: ToolAnswer) -> str:
    """Return an answer for a provider that does not tell errors from other answers."""
    return f"error: {answer.content}" if answer.is_error else answer.content


def arguments_object(text: str) -> dict[str, Any]:
    """Return arguments as an object; an empty one if the model did not write one."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

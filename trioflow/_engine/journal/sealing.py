"""Values encoded by a codec, as they appear in journals and requests."""

from __future__ import annotations

import base64
import json
from typing import Any

from trioflow._forms.form import Plain
from trioflow._forms.shown import MASK
from trioflow.abc import Codec
from trioflow.errors import NotSerializableError, WireFormatError
from trioflow.wire._shown import class_name


def seal(text: str, codec: Codec) -> str:
    """Return the JSON of a value encoded by the codec.

    Raises:
      NotSerializableError: if the codec fails.
    """
    try:
        return base64.b64encode(codec.encode(text.encode())).decode()
    except Exception as exc:  # user code
        problem = f"cannot be encoded by the engine's codec ({class_name(exc)}: {exc})"
        raise NotSerializableError("", problem, "correct the codec") from exc


def unseal(sealed: object, codec: Codec | None) -> Plain:
    """Return the value that `seal` has encoded.

    Raises:
      WireFormatError: if it cannot be decoded: without the right codec, or if it is damaged.
    """
    if codec is None:
        raise WireFormatError("its values are encoded: open the engine with the same codec")
    if not isinstance(sealed, str):
        raise WireFormatError("an encoded value is not a string")
    try:
        return json.loads(codec.decode(base64.b64decode(sealed, validate=True)))
    except Exception as exc:  # user code
        problem = f"its values cannot be decoded ({class_name(exc)}: {exc})"
        raise WireFormatError(problem) from exc


def placeholder(name: str, default: Any) -> Plain:
    """Return the placeholder that is shown for an encoded value."""
    if name == "error":
        return {"name": "Exception", "message": MASK}
    return {} if isinstance(default, dict) or name in MAPPINGS else MASK


MAPPINGS = ("args", "updates", "state_updates", "asks")
"""Attributes that are mappings and have no such default."""

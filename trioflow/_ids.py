"""Names of runs: ids, resources and tags.

These strings are database columns and parts of commands, so they are checked on input, before
anything runs. Ids of steps, tools and workflows are stricter: see
`trioflow._definitions.check_id`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from trioflow.errors import InvalidIdError

MAX_ID = 512
"""Maximum number of characters of an id. Indexes of some databases hold no more."""
MAX_TAGS = 64
"""Maximum number of tags of a run."""
RETRY = "~retry"
"""The suffix that `Run.retry` adds to a run id. No other run id ends with it."""


def retry_id(run_id: str) -> str:
    """Return the id of the retry of a run."""
    return f"{run_id}{RETRY}"


def is_retry(run_id: str) -> bool:
    """Return whether a run is the retry of another run."""
    return run_id.endswith(RETRY)


def original_id(run_id: str) -> str:
    """Return the run id without any retry suffixes; step call ids contain it."""
    while run_id.endswith(RETRY):
        run_id = run_id.removesuffix(RETRY)
    return run_id


def check_name(what: str, name: object) -> None:
    """Check that *name* is valid in every store.

    Args:
      what: The kind of name, for the error: ``"run id"``.

    Raises:
      InvalidIdError: if it is not.
    """
    problem = _problem(name)
    if problem is not None:
        raise InvalidIdError(what, name, problem)


def _problem(name: object) -> str | None:
    if not isinstance(name, str):
        return f"is of type {type(name).__name__}, not a string"
    if not name:
        return "is empty"
    if len(name) > MAX_ID:
        return f"has {len(name):,} characters; at most {MAX_ID} are allowed"
    if "\0" in name:
        return "contains NUL"
    try:
        name.isascii() or name.encode()
    except UnicodeEncodeError:
        return "contains a lone surrogate, which is half a character"
    return None


def check_run_names(run_id: object, resource_id: object, tags: Iterable[object]) -> None:
    """Check the names of a new run. None stands for a name that is not given.

    Raises:
      InvalidIdError: for the first invalid name.
    """
    if run_id is not None:
        check_name("run id", run_id)
        if isinstance(run_id, str) and is_retry(run_id):
            raise InvalidIdError(
                "run id", run_id, f"ends with {RETRY}, which is reserved for run.retry()"
            )
    if resource_id is not None:
        check_name("resource id", resource_id)
    if tags:
        check_tags(tags)


def check_tags(tags: Iterable[object]) -> None:
    """Check the tags of a run.

    Raises:
      InvalidIdError: if there are too many, or one of them is invalid.
    """
    if not isinstance(tags, Collection) or isinstance(tags, str | bytes):
        raise InvalidIdError("tags", tags, "are not a collection of strings, such as a tuple")
    if len(tags) > MAX_TAGS:
        raise InvalidIdError(
            "tags", tuple(tags), f"are {len(tags)}; at most {MAX_TAGS} are allowed"
        )
    for tag in tags:
        check_name("tag", tag)

"""Diagnose errors of the driver, and decide which are transient."""

from __future__ import annotations

from trioflow_sql.database import Diagnosis, first_line

TRANSIENT = {
    "25P03",  # idle in a transaction for too long
    "40001",  # could not serialize
    "40P01",  # deadlock
    "53100",  # disk full
    "53200",  # out of memory
    "53300",  # too many connections
    "55P03",  # lock not available in time
    "57014",  # canceled, for example by a statement timeout
    "57P01",  # terminated by an administrator
    "57P02",  # another process of the server crashed
    "57P03",  # starting up
    "57P05",  # idle for too long
}
"""Error codes of transient errors, in addition to class 08 (connections)."""

REFUSALS = (
    "authentication failed",
    "does not exist",
    "is not currently accepting connections",  # this database, not the server
    "is not permitted to log in",
    "no pg_hba.conf entry",
    "permission denied",
)
"""Messages of a server that refuses a connection for good. libpq does not expose the code."""


def diagnose(error: BaseException, secret: str | None) -> Diagnosis:
    """Return the diagnosis of an error of the driver, without the secret."""
    import psycopg

    code: str | None = getattr(error, "sqlstate", None)
    problem = first_line(error)
    if secret:
        problem = problem.replace(str(secret), "***")
    if code is None:
        refused = any(phrase in problem for phrase in REFUSALS)
        is_operational = isinstance(error, psycopg.OperationalError)
        return Diagnosis(problem, is_operational and not refused)
    return Diagnosis(f"{problem} ({code})", code.startswith("08") or code in TRANSIENT)

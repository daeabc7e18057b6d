"""Lines of limits: tickets in the order in which they joined, and those that have a place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from trioflow.abc import PlaceRule
from trioflow_sql.database import Database
from trioflow_sql.tables import database_clock, database_time, tickets

waits = tickets.c.given_at.is_(None)
of_limit = tickets.c.of_limit == bindparam("of")
named = tickets.c.ticket.in_(bindparam("names", expanding=True))
HOLDERS = select(tickets.c.owner).where(waits).distinct()
is_dead = or_(
    tickets.c.lives_until <= database_time(),
    tickets.c.owner.in_(bindparam("gone", expanding=True)),
)
TIDY = delete(tickets).where(
    or_(
        tickets.c.clock != database_clock(),
        is_dead & or_(waits, tickets.c.counts_until <= database_time()),
    )
)
line = (
    select(
        tickets.c.ticket,
        tickets.c.owner,
        (func.row_number().over(order_by=tickets.c.id) - 1).label("ahead"),
    )
    .where(of_limit, waits)
    .subquery()
)
FIRST = select(line.c.ticket).where(
    line.c.owner == bindparam("by"), line.c.ahead < bindparam("places")
)
given = (
    select(func.count())
    .select_from(tickets)
    .where(of_limit, tickets.c.given_at > database_time() - bindparam("per"))
    .scalar_subquery()
)
NEXT = select(line.c.ticket).where(
    line.c.owner == bindparam("by"), line.c.ahead + given < bindparam("places")
)
GIVE = (
    update(tickets)
    .where(named, waits)
    .values(given_at=database_time(), counts_until=database_time() + bindparam("per"))
)
GIVEN = select(tickets.c.ticket).where(named, tickets.c.given_at.is_not(None))
of_owner = tickets.c.owner == bindparam("by")
GIVE_UP = update(tickets).where(of_owner).values(owner="", lives_until=0.0)
"""For places that a rate has given: they count until their time has passed."""
LEAVE = (delete(tickets).where(of_owner, waits, named), GIVE_UP.where(named))
LEAVE_ALL = (delete(tickets).where(of_owner, waits), GIVE_UP)
RENEW = (
    update(tickets)
    .where(of_owner)
    .values(lives_until=database_time() + bindparam("seconds"), clock=database_clock())
)


def join_line(
    database: Database,
    limit: str,
    ticket: str,
    owner: str,
    seconds: float,
    rule: PlaceRule,
    connection: Connection,
) -> bool:
    """Put a ticket at the end of a line; return whether it has a place."""
    database.lock_line(connection, limit)
    values = {
        "of_limit": limit,
        "ticket": ticket,
        "owner": owner,
        "lives_until": database_time() + seconds,
        "clock": database_clock(),
    }
    insert = database.insert(tickets).values(values).on_conflict_do_nothing()
    connection.execute(insert)
    return bool(take_places(database, owner, {limit: [ticket]}, {limit: rule}, connection))


def take_places(
    database: Database,
    owner: str,
    waiting: Mapping[str, Collection[str]],
    rules: Mapping[str, PlaceRule],
    connection: Connection,
) -> set[str]:
    """Return the waiting tickets of an owner that have a place, or get one now."""
    found: set[str] = set()
    for limit in sorted(waiting):  # all transactions lock in this order
        database.lock_line(connection, limit)
    holders = set(connection.execute(HOLDERS).scalars())
    gone = database.gone(connection, holders) if holders else set()
    connection.execute(TIDY, {"gone": gone})
    for limit, names in waiting.items():
        wanted: dict[str, Any] = {"of": limit, "by": owner, "names": list(names)}
        found |= _taken(rules[limit], wanted, connection)
    return found


def _taken(rule: PlaceRule, wanted: dict[str, Any], connection: Connection) -> set[str]:
    wanted = {**wanted, "places": rule.places, "per": rule.per}
    if rule.per is None:
        first = connection.execute(FIRST, wanted).scalars()
        return set(first).intersection(wanted["names"])
    mine = set(connection.execute(NEXT, wanted).scalars()).intersection(wanted["names"])
    if mine:
        connection.execute(GIVE, {**wanted, "names": list(mine)})
    # Also those that were given before, if the reply was lost.
    return mine | set(connection.execute(GIVEN, wanted).scalars())


def leave_line(owner: str, names: Collection[str], connection: Connection) -> None:
    """Remove tickets of an owner."""
    for statement in LEAVE:
        connection.execute(statement, {"by": owner, "names": list(names)})


def leave_all(owner: str, connection: Connection) -> None:
    """Remove all tickets of an owner."""
    for statement in LEAVE_ALL:
        connection.execute(statement, {"by": owner})

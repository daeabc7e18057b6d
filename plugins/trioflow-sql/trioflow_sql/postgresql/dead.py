"""Which owners are dead: those without a session, once they have had time to reconnect."""

from __future__ import annotations

from sqlalchemy import text

IS_DEAD = """
    lives_until <= extract(epoch FROM clock_timestamp())
    -- A restart of the server ended all sessions, and their owners reconnect.
    AND extract(epoch FROM pg_postmaster_start_time()) + grace
        <= extract(epoch FROM clock_timestamp())
    AND NOT EXISTS (
      SELECT 1 FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = CAST((lock_key >> 32) & 4294967295 AS oid)
        AND objid = CAST(lock_key & 4294967295 AS oid)
    )
"""
"""A condition on a row of ``trioflow_owners``."""

GONE = text(f"SELECT owner FROM trioflow_owners WHERE owner = ANY(:owners) AND {IS_DEAD}")

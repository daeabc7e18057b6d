"""The same workflow, one type changed: what becomes of runs that the version before has left."""

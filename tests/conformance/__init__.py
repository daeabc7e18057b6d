"""Recorded runs of the engine whose contract trioflow re-implements, and their adapter.

``FORMAT.md`` says what a case is. The modules, in the order in which they build on each
other: `undefined`, `expressions`, `schemas`, `bodies`, `build`, `script`, `translate`,
`run`, `deviations`. Nothing here looks at the name of a case; only `deviations.toml` may.
"""

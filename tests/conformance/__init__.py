"""Recorded runs of the engine whose contract trioflow re-implements, and their adapter.

``FORMAT.md`` says what a case is. `build` makes its workflow (with `bodies`, `expressions`,
`schemas`, `nodes`), `script` plays its script (with `going_on`) and `session` sees what
happens; `translate` and `results` tell that in the words of the recorded engine (with
`flavours`, `memory`, `messages`), and `run` compares it, unless `deviations` explains the
difference. Nothing here looks at the name of a case.
"""

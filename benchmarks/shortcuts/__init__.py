"""What is in the code for speed alone, and what it saves: ``python -m benchmarks.shortcuts``.

A shortcut is code that does the same as plainer code, faster. The code names it (shortcut
`fold-end`) and says in words why it is there. That both give the same is shown by
``tests/properties/test_fast_equals_plain.py``. What it saves is measured here, and the only place
with figures is the table that this writes, ``benchmarks/SHORTCUTS.md``.
"""

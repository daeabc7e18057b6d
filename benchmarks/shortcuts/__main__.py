"""Measure each shortcut beside its plain twin, and write the table anew.

``python -m benchmarks.shortcuts`` measures all and writes ``benchmarks/SHORTCUTS.md``; with ids as
arguments only those are measured, and nothing is written.
"""

from __future__ import annotations

import argparse
import gc

from benchmarks.shortcuts import table
from benchmarks.shortcuts.registry import SHORTCUTS

SAMPLES = 101


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shortcuts", description=__doc__)
    parser.add_argument("ids", nargs="*", help="measure these and write nothing")
    parser.add_argument("--samples", type=int, default=SAMPLES, help=f"turns, {SAMPLES} by default")
    arguments = parser.parse_args()
    if unknown := set(arguments.ids) - SHORTCUTS.keys():
        parser.error(f"unknown shortcuts: {', '.join(unknown)}; there are {', '.join(SHORTCUTS)}")
    gc.freeze()  # or all that is imported would be looked at before each turn
    savings = []
    for id in arguments.ids or SHORTCUTS:
        savings.append(SHORTCUTS[id].measure(arguments.samples))
        print(table.line(savings[-1]), flush=True)
    if not arguments.ids:
        table.FILE.write_text(table.document(savings), encoding="utf-8")


if __name__ == "__main__":
    main()

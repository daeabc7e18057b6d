"""Promises about ids: those that are spelled differently are different."""

from __future__ import annotations

from trioflow.testing._stores.bench import Bench, Promise, entry, expect

PAIRS = [
    ("a", "A"),
    ("a", "a "),
    ("a", " a"),
    ("é", "e\u0301"),
    ("ß", "ss"),
    ("%", "_"),
    ("\\", "\\\\"),
    ("'", "''"),
    ("1", "01"),
    ("x" * 500, "x" * 499),
]
"""Pairs of ids that databases tend to treat as equal."""


async def ids_differ(bench: Bench) -> None:
    """Check that runs with similar ids are kept apart."""
    for number, pair in enumerate(PAIRS):
        one, other = (f"{number} {name}" for name in pair)
        shown = " and ".join(repr(name[:9]) for name in pair)
        await bench.do(bench.first(one, 0))
        expect(await bench.seqs(other), [], f"entries of the second of {shown}")
        await bench.do(bench.first(other, 1))
        for name, seqs in [(one, [0]), (other, [1])]:
            expect(await bench.seqs(name), seqs, f"entries of one of {shown}")
            expect((await bench.stored(name)).header, bench.header(name), f"one of {shown}")
        await bench.store.delete(bench.id(one))
        expect(
            await bench.seqs(other),
            [1],
            f"entries of the second of {shown} after the first was deleted",
        )


async def odd_ids_are_unknown_or_runs(bench: Bench) -> None:
    """Check ids that some storages cannot hold."""
    for name in ("nul\0", "lone \ud800"):
        run_id = bench.id(name)
        plain = bench.first(f"plain {ord(name[-1])}", 0)
        results = await bench.store.append([bench.first(name, 0), plain])
        expect(results[1], None, f"result of an append in a call with one to run {name!r}")
        known = results[0] is None
        entries = [entry(0)] if known else []
        expect(list(await bench.store.read(run_id)), entries, f"entries of run {name!r}")
        expect(await bench.store.get(run_id) is not None, known, f"whether get() finds {name!r}")
        claimed = await bench.store.claim(run_id, bench.mark, 60)
        expect(claimed, known, f"whether run {name!r} can be claimed")
        await bench.store.release(run_id, bench.mark)
        found = await bench.store.list_runs(workflow_id=run_id)
        expect(list(found), [], f"runs of workflow {name!r}")
        expect(await bench.store.delete(run_id), known, f"whether run {name!r} can be deleted")


PROMISES = (
    Promise("ids that are spelled differently are different", ids_differ),
    Promise("an id that cannot be stored is refused or unknown", odd_ids_are_unknown_or_runs),
)

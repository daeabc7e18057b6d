"""What is shown of the calls of a run that wait for an answer, or have had one.

Clients see one record for each step. So that of a call stands for the calls inside of it as well,
and that of a loop for its earlier iterations.
"""

from __future__ import annotations

from collections.abc import Sequence

from trioflow import RunRecord, StepRecord
from trioflow.addresses import Address


def suspended_leaves(record: RunRecord, order: Sequence[str] = ()) -> list[StepRecord]:
    """Return the records of the innermost suspended calls and items.

    Args:
      order: The ids of all steps in the order in which to return them; then comes the order of
        addresses.
    """
    if record.status != "suspended":
        return []
    calls = [call for call in record.calls.values() if call.status == "suspended"]
    suspended = {Address.parse(call.address): call for call in calls}
    leaves = [
        suspended[address]
        for address in sorted(suspended)
        if not any(other.is_inside(address) for other in suspended)
    ]
    places = {id: place for place, id in enumerate(order)}
    return sorted(leaves, key=lambda leaf: places.get(leaf.id, -1))


def shown_leaf(call: StepRecord, leaves: Sequence[StepRecord]) -> StepRecord:
    """Return the suspended call that one is shown with: itself, or one inside of it.

    Of several that is the first item of a foreach, and the last arm of a block.

    Args:
      leaves: As `suspended_leaves` returns them.
    """
    outer = Address.parse(call.address)
    inside = [leaf for leaf in reversed(leaves) if Address.parse(leaf.address).is_inside(outer)]
    return min(inside, key=_items, default=call)


def _items(leaf: StepRecord) -> list[int]:
    walked = Address.parse(leaf.address).walk()
    return [outer.item for outer in walked if outer.item is not None]


def shown_answer(call: StepRecord, record: RunRecord) -> StepRecord | None:
    """Return the call with the answer that one is shown with: itself, or an earlier iteration."""
    if call.resumed_at is not None:
        return call
    address = Address.parse(call.address)
    earlier = range((address.iteration or 1) - 1, 0, -1)
    before = (record.calls.get(str(address.with_iteration(number))) for number in earlier)
    return next((each for each in before if each and each.resumed_at is not None), None)

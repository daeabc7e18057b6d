"""The events of a run as a compatible stream."""

from __future__ import annotations

import attrs

from trioflow import EventStream
from trioflow import events as ev
from trioflow_server.calls import Call
from trioflow_server.compat.memory import Memory
from trioflow_server.compat.teller import Teller
from trioflow_server.finding import read_record
from trioflow_server.sending import Emit, Flow, StreamAnswer
from trioflow_server.values import dump

RECORD_END = b"\x1e"
MEDIA_TYPE = "text/plain"


@attrs.frozen(kw_only=True)
class Feed:
    """What one stream shows."""

    call: Call
    run_id: str
    """The id that the run is shown with."""
    actual_id: str
    after: int = -1
    """The ``seq`` after which the stream begins."""
    one_part: bool = False
    """Whether the stream ends when the run first suspends."""
    offset: int = 0
    """How many records to leave out."""
    to_end: bool = False
    """Whether the stream continues when the run suspends."""

    def answer(self) -> StreamAnswer:
        """Return the answer that sends it."""
        return StreamAnswer(self.call, self.produce, MEDIA_TYPE, RECORD_END, b"")

    async def produce(self, emit: Emit) -> None:
        """Emit the records."""
        service = self.call.service
        workflow = self.call.workflow()
        memory = Memory(service.describer.order(workflow))
        teller = Teller(service.shower, workflow.id, self.run_id, memory, self.to_end)
        size = service.options.limits.stream_buffer
        observing = service.engine.observe(self.actual_id, until="finished", max_buffer_size=size)
        async with observing as stream:
            await self._tell(stream, teller, emit)

    async def _tell(self, stream: EventStream, teller: Teller, emit: Emit) -> None:
        sent, last = 0, -1
        flow = Flow(emit, self.call.service.streams)
        while batch := await stream.receive_some():
            for event in batch:
                missing, last = event.seq - last - 1, event.seq
                if event.seq <= self.after:
                    teller.memory.note(event)
                    continue
                sent += teller.count_missing(missing)
                record = self._record(event, teller)
                if record:
                    sent += 1
                    if sent > self.offset:
                        await flow.add(record)
                if await self._is_over(event):
                    await flow.flush(is_last=True)
                    return
            await flow.flush()

    def _record(self, event: ev.Event, teller: Teller) -> bytes:
        """Return the record of an event; empty if it has none."""
        seen = teller.note(event)
        begins = isinstance(event, ev.Recover) and event.seq == self.after + 1

        def make() -> bytes:
            told = teller.begin(event) if begins else teller.tell(event, seen)
            return b"" if told is None else dump(told) + RECORD_END

        form = (self.run_id, self.after, self.to_end)
        return self.call.service.pieces.get(event, form, make)

    async def _is_over(self, event: ev.Event) -> bool:
        """Return whether nothing of the stream follows an event."""
        if not isinstance(event, ev.Finish):
            return False
        if event.status in ev.FINISHED_STATUSES:
            return True
        if self.to_end or self.one_part:
            return self.one_part and not self.to_end
        record = await read_record(self.call.service, self.actual_id)
        return record.status in ev.WAITING_STATUSES and record.next_seq == event.seq + 1

"""The same file on one machine and on many."""

import trio

from trioflow import StepContext, ValueRef, Workflow, step


@step
async def load(name: str, ctx: StepContext) -> ValueRef[bytes]:
    return await ctx.put(name.encode() * 1000)


@step
def shrink(photo: ValueRef[bytes], ctx: StepContext) -> int:
    return len(trio.from_thread.run(ctx.get, photo)) // 2


photos = Workflow("photos", input=str, output=int).then(load).then(shrink)

"""Large values outside of journals: bytes in a folder or a bucket, references in the runs.

::

    @step
    async def render(name: str, ctx: StepContext) -> ValueRef[bytes]:
        return await ctx.put(await film(name))  # 100 MB: on disk when this returns


    @step(runner="process")
    def measure(film: ValueRef[bytes], ctx: StepContext) -> int:
        return len(trio.from_thread.run(ctx.get, film))  # read by the worker itself


    async with open_engine(values=FolderValues("values"), store="sqlite:runs.db") as engine: ...
"""

from trioflow._public import publish
from trioflow._value_refs import ValueRef
from trioflow.values._bucket import BucketValues
from trioflow.values._folder import FolderValues
from trioflow.values._memory import MemoryValues
from trioflow.values._urls import value_store
from trioflow.values._values import Values

__all__ = [
    "BucketValues",
    "FolderValues",
    "MemoryValues",
    "ValueRef",
    "Values",
    "value_store",
]

publish(__name__, __all__, globals())

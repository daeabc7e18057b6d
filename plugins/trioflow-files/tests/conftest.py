"""Makes ``async def`` tests run on Trio, whatever pytest configuration is in force."""

from pytest_trio.enable_trio_mode import *  # type: ignore[import-untyped]

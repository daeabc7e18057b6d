"""How many processors this process may use: its affinity, and the quotas of its control groups."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

MAX = "max"
"""Stands for "no quota" in the files of control groups of version 2."""


def usable_cpus(root: Path = Path("/")) -> int:
    """Return how many processors this process may use, at least 1.

    A quota of 1.5 processors counts as 2.

    Args:
      root: Where the file systems with the quotas are mounted.
    """
    quotas = [math.ceil(quota) for quota in _quotas(root)]
    return min([_allowed_cpus(), *quotas])


def _allowed_cpus() -> int:
    count: int | None
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on; also heeds -X cpu_count
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    return count or 1


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quotas that apply to this process, in processors; none outside of Linux."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        for mount in mounts:
            about, _, options = mount.partition(" - ")
            if _is_mount_of(controllers.split(","), options.split()):
                yield from _quotas_in(_folders(root, about.split(), path))


def _is_mount_of(controllers: list[str], options: list[str]) -> bool:
    if controllers == [""]:
        return options[0] == "cgroup2"
    is_cpu = "cpu" in controllers and "cpu" in options[-1].split(",")
    return options[0] == "cgroup" and is_cpu


def _folders(root: Path, about: list[str], path: str) -> Iterator[Path]:
    """Yield the folder of a control group, and those of the groups around it."""
    mounted, point = (Path(_unescaped(name)) for name in about[3:5])
    top = root / point.relative_to("/")
    # In a container the group may have the name that it has outside.
    inside = Path(path).relative_to(mounted) if Path(path).is_relative_to(mounted) else Path()
    folder = top / inside
    while folder != top:
        yield folder
        folder = folder.parent
    yield top


def _unescaped(name: str) -> str:
    return name.encode().decode("unicode_escape") if "\\" in name else name


def _quotas_in(folders: Iterator[Path]) -> Iterator[float]:
    for folder in folders:
        for quota, period in (_version_2(folder), _version_1(folder)):
            if quota.isdigit() and int(quota) > 0 and period.isdigit() and int(period) > 0:
                yield int(quota) / int(period)


def _version_2(folder: Path) -> tuple[str, str]:
    words = [*_read(folder / "cpu.max").split(), MAX, MAX]
    return words[0], words[1]


def _version_1(folder: Path) -> tuple[str, str]:
    return _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""

"""How many processors a process may use: its affinity, and quotas of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from trioflow_process import ProcessRunner, cpus
from trioflow_process.cpus import usable_cpus

V2 = "24 20 0:22 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
V1_IN_CONTAINER = "32 31 0:29 /docker/ab /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"
ODD_NAME = "24 20 0:22 / /sys/fs/c\\040group rw - cgroup2 cgroup2 rw"


@pytest.fixture(autouse=True)
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "_allowed_cpus", lambda: 64)


def given(root: Path, groups: str, mounts: str, **files: str) -> Path:
    """Write the files that describe control groups; names have ``__`` in place of slashes."""
    proc = root / "proc/self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text(groups)
    (proc / "mountinfo").write_text(f"22 27 0:21 / /proc rw - proc proc rw\n{mounts}\n")
    for name, text in files.items():
        file = root / "sys/fs" / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("quota", "count"),
    [("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("max 100000", 64), ("", 64)],
)
def test_the_quota_of_a_group_counts(quota: str, count: int, tmp_path: Path) -> None:
    root = given(tmp_path, "0::/\n", V2, cgroup__cpu_dot_max=quota)

    assert usable_cpus(root) == count


def test_the_lowest_quota_of_all_groups_around_it_counts(tmp_path: Path) -> None:
    quotas = {
        "cgroup__cpu_dot_max": "max 100000",
        "cgroup__a__cpu_dot_max": "300000 100000",
        "cgroup__a__b__cpu_dot_max": "500000 100000",
    }
    root = given(tmp_path, "0::/a/b\n", V2, **quotas)

    assert usable_cpus(root) == 3


@pytest.mark.parametrize(("quota", "count"), [("400000", 4), ("-1", 64), ("0", 64)])
def test_version_1_counts_as_well(quota: str, count: int, tmp_path: Path) -> None:
    quotas = {
        "cgroup__cpu,cpuacct__job__cpu_dot_cfs_quota_us": quota,
        "cgroup__cpu,cpuacct__job__cpu_dot_cfs_period_us": "100000",
        "cgroup__memory__job__cpu_dot_cfs_quota_us": "100000",
        "cgroup__memory__job__cpu_dot_cfs_period_us": "100000",
    }
    groups = "9:name=systemd:/\n4:memory:/job\n3:cpuacct,cpu:/job\n"
    root = given(tmp_path, groups, f"{V1}\n{V1_MEMORY}", **quotas)

    assert usable_cpus(root) == count


@pytest.mark.parametrize("group", ["/docker/ab", "/elsewhere/ab"])
def test_a_container_may_not_see_the_names_of_its_groups(group: str, tmp_path: Path) -> None:
    quotas = {
        "cgroup__cpu__cpu_dot_cfs_quota_us": "300000",
        "cgroup__cpu__cpu_dot_cfs_period_us": "100000",
    }
    root = given(tmp_path, f"1:cpu:{group}\n", V1_IN_CONTAINER, **quotas)

    assert usable_cpus(root) == 3


def test_folders_may_have_any_name(tmp_path: Path) -> None:
    root = given(tmp_path, "0::/\n", ODD_NAME, **{"c group__cpu_dot_max": "100000 100000"})

    assert usable_cpus(root) == 1


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 64


def test_the_affinity_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(cpus, "_quotas", lambda _: iter(()))
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert usable_cpus() == 3
    assert repr(ProcessRunner()) == "ProcessRunner(3)"

    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus() == 1

    monkeypatch.setattr(os, "process_cpu_count", lambda: 5, raising=False)
    assert usable_cpus() == 5

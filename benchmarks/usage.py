"""What processes have used, as Linux counts it in ``/proc``: a process, and all that it has started."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen

_TICKS = os.sysconf("SC_CLK_TCK")
# Positions in /proc/PID/stat, counted from the field behind the command's name (proc(5)).
_PARENT, _USER, _CHILDREN_SYSTEM = 1, 11, 14


@frozen(kw_only=True)
class CpuTime:
    """Seconds of processor time so far.

    :ivar main: of the process itself.
    :ivar children: of the processes that it has started, those that have ended included.
    """

    main: float
    children: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.main + self.children

    def since(self, earlier: CpuTime) -> CpuTime:
        """Return what has been used since an earlier look."""
        return CpuTime(main=self.main - earlier.main, children=self.children - earlier.children)


def cpu_time(pid: int) -> CpuTime:
    """Read the processor time of a process and its descendants; the system counts in steps of 10 ms."""
    main = children = 0.0
    for number in tree(pid):
        user, system, ended_user, ended_system = map(int, _stat(number)[_USER : _CHILDREN_SYSTEM + 1])
        if number == pid:
            main += user + system
        else:
            children += user + system
        children += ended_user + ended_system
    return CpuTime(main=main / _TICKS, children=children / _TICKS)


def memory(pid: int) -> int:
    """Read the memory of a process and its descendants: proportional set size (PSS), in KiB."""
    return sum(_pss(number) for number in tree(pid))


def machine_busy() -> float:
    """Read the seconds that all processors together have worked since the machine started."""
    user, nice, system, _idle, _waiting, interrupts, soft = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
    )
    return (user + nice + system + interrupts + soft) / _TICKS


def tree(pid: int) -> list[int]:
    """List a process and its living descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat(int(entry.name))[_PARENT])
            except OSError:
                continue
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


def _stat(pid: int) -> list[str]:
    # A command's name may hold spaces and brackets.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/smaps_rollup has no Pss")

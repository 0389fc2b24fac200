"""Time, CPU and memory of the measuring process, and CPU of the servers beside it."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, its children that live, and those that have ended."""
    process = psutil.Process(pid)
    while True:
        children = process.children(recursive=True)
        total = 0.0
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in children:
                times = child.cpu_times()
                total += times.user + times.system
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
            if process.children(recursive=True) == children:
                return total
        # One ended or began meanwhile, and would count twice or not at all.


def peak_memory_mb() -> float:
    """Most resident memory of this process so far, in MB (10⁶ bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: after a fork it begins with the parent's.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


@dataclass(frozen=True)
class Reading:
    """The meter at one moment: seconds, CPU seconds here and in the servers, calls, messages."""

    at: float
    cpu: float
    servers: dict[str, float]
    calls: int
    messages: int
    #: CPU seconds of everything on this machine.
    machine: float


@dataclass(frozen=True)
class Figures:
    """One measurement. `…_after`: from when the ramp is over and the connections are open."""

    messages: int
    rate: float
    rate_after: float
    cpu_us: float
    cpu_us_after: float
    servers_us: dict[str, float]
    servers_us_after: dict[str, float]
    calls: float
    peak_mb: float
    #: Cores that other programs took meanwhile: wall-clock figures with much of it say little.
    others: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


class Meter:
    """Four readings of one measurement: at its start, after its ramp, at the last answer that
    counts for the rate, and when everything is written.
    """

    def __init__(self, servers: dict[str, int]) -> None:
        self._servers = servers
        self.readings: list[Reading] = []

    def read(self, messages: int, calls: int = 0, *, last: bool = False) -> None:
        """Takes a reading. Looking at the servers costs some ms, which are not to be counted."""
        if last:
            at, cpu = time.perf_counter(), time.process_time()
            servers = {name: cpu_of(pid) for name, pid in self._servers.items()}
        else:
            servers = {name: cpu_of(pid) for name, pid in self._servers.items()}
            at, cpu = time.perf_counter(), time.process_time()
        self.readings.append(Reading(at, cpu, servers, calls, messages, _machine_cpu()))

    def figures(self) -> Figures:
        """What the four readings say."""
        first, ramped, answered, last = self.readings
        return Figures(
            messages=last.messages,
            rate=_rate(first, last),
            rate_after=_rate(ramped, answered),
            cpu_us=_cpu(first, last),
            cpu_us_after=_cpu(ramped, last),
            servers_us=_servers(first, last),
            servers_us_after=_servers(ramped, last),
            calls=(last.calls - first.calls) / (last.messages - first.messages),
            peak_mb=peak_memory_mb(),
            others=_others(ramped, last),
        )


def _machine_cpu() -> float:
    times = psutil.cpu_times()
    return times.user + times.system


def _others(a: Reading, b: Reading) -> float:
    ours = b.cpu - a.cpu + sum(b.servers[name] - a.servers[name] for name in b.servers)
    return max(0.0, (b.machine - a.machine - ours) / (b.at - a.at))


def _rate(a: Reading, b: Reading) -> float:
    return (b.messages - a.messages) / (b.at - a.at)


def _cpu(a: Reading, b: Reading) -> float:
    return (b.cpu - a.cpu) / (b.messages - a.messages) * 1e6


def _servers(a: Reading, b: Reading) -> dict[str, float]:
    n = b.messages - a.messages
    return {name: (b.servers[name] - a.servers[name]) / n * 1e6 for name in b.servers}

"""The figures as tables, and the targets beside them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.idle import Idle
from bench.meter import Figures

HEADER = (
    "| variant | messages | messages/s, whole run | messages/s after the ramp | CPU µs/message "
    "| same after the ramp | PostgreSQL µs | REST server µs | sandbox µs | calls/message "
    "| peak MB | cores taken by others |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def median(rounds: Sequence[Figures]) -> Figures:
    """Each figure's median over the rounds."""

    def of(name: str) -> float:
        return statistics.median(getattr(one, name) for one in rounds)

    def servers(name: str) -> dict[str, float]:
        return {
            key: statistics.median(getattr(one, name)[key] for one in rounds)
            for key in getattr(rounds[0], name)
        }

    return Figures(
        messages=int(of("messages")),
        rate=of("rate"),
        rate_after=of("rate_after"),
        cpu_us=of("cpu_us"),
        cpu_us_after=of("cpu_us_after"),
        servers_us=servers("servers_us"),
        servers_us_after=servers("servers_us_after"),
        calls=of("calls"),
        peak_mb=of("peak_mb"),
        others=of("others"),
    )


def row(name: str, f: Figures) -> str:
    """One line of the table. The servers' CPU is after the ramp."""

    def server(key: str) -> str:
        value = f.servers_us_after.get(key)
        return "–" if value is None else f"{value:,.0f}"

    return (
        f"| {name} | {f.messages:,} | {f.rate:,.0f} | {f.rate_after:,.0f} | {f.cpu_us:,.0f} "
        f"| {f.cpu_us_after:,.0f} | {server('postgres')} | {server('rest')} | {server('sandbox')} "
        f"| {f.calls:.4f} | {f.peak_mb:,.0f} "
        f"| {f.others:.2f} |"
    )


@dataclass(frozen=True)
class Target:
    """What was to be reached, and whether it was."""

    what: str
    wanted: str
    found: str
    met: bool

    def line(self) -> str:
        return (
            f"| {self.what} | {self.wanted} | {self.found} | {'met' if self.met else 'NOT MET'} |"
        )


def targets(
    bare_rounds: Sequence[Figures],
    worker_rounds: Sequence[Figures],
    rest: Figures | None,
    by_rows: dict[int, Figures],
    idle: dict[str, Idle],
    poll_seconds: float,
) -> list[Target]:
    """The project's targets, judged by medians. A worker's round is compared with the bare loop
    just before it, so that a busy minute hits both.
    """
    pairs = zip(worker_rounds, bare_rounds, strict=True)
    share = statistics.median(worker.rate_after / bare.rate_after for worker, bare in pairs)
    worker = median(worker_rounds)
    fewest, most = min(by_rows), max(by_rows)
    few, many = by_rows[fewest], by_rows[most]
    grown = _cost(many) / _cost(few)
    found = [
        Target("worker against the bare loop", "≥ 0.85", f"{share:.2f}", share >= 0.85),
        Target(
            "worker, everything on this machine",
            "≥ 2,000/s",
            f"{worker.rate_after:,.0f}/s",
            worker.rate_after >= 2000,
        ),
        Target(
            "database calls a message, psycopg",
            "≤ 0.02",
            f"{worker.calls:.4f}",
            worker.calls <= 0.02,
        ),
    ]
    if rest is not None:
        found.append(
            Target(
                "database calls a message, REST", "≤ 0.02", f"{rest.calls:.4f}", rest.calls <= 0.02
            )
        )
    found += [
        Target(
            f"CPU a message (worker + PostgreSQL), {most:,} rows against {fewest:,}",
            "≤ 1.20",
            f"{grown:.2f}",
            grown <= 1.2,
        ),
        Target(
            f"the worker's peak memory at {most:,} rows",
            "≤ 150 MB",
            f"{many.peak_mb:.0f} MB",
            many.peak_mb <= 150,
        ),
    ]
    for name, one in idle.items():
        found.append(
            Target(f"idle worker, {name}", "≤ 1 % of a core", f"{one.share:.2f} %", one.share <= 1)
        )
        if one.first_post:
            middle, worst = statistics.median(one.first_post), max(one.first_post)
            limit = 0.1 if name == "psycopg" else poll_seconds
            wanted = "≤ 100 ms" if name == "psycopg" else f"≤ {poll_seconds:.0f} s (poll interval)"
            found.append(
                Target(
                    f"start → first POST, {name} (of {len(one.first_post)})",
                    wanted,
                    f"median {middle * 1000:,.0f} ms, longest {worst * 1000:,.0f} ms",
                    worst <= limit,
                )
            )
    return found


def _cost(f: Figures) -> float:
    return f.cpu_us_after + f.servers_us_after["postgres"]

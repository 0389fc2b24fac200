"""A preflight's answer: lines, each with a verdict and what to do about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """How one thing was found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    #: It could not be looked at; the text says why.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    #: The check's name, one of those listed in `checks.py`. Several lines may share one.
    id: str
    verdict: Check
    #: For people, masked.
    text: str
    #: What to do; "" when nothing has to be done.
    fix: str = ""


def ok(name: str, text: str) -> Line:
    """Nothing has to be done."""
    return Line(name, Check.OK, text)


def warn(name: str, text: str, fix: str) -> Line:
    """It can be sent; somebody should know."""
    return Line(name, Check.WARN, text, fix)


def fail(name: str, text: str, fix: str) -> Line:
    """It must not start like this."""
    return Line(name, Check.FAIL, text, fix)


def skipped(name: str, text: str, fix: str) -> Line:
    """It could not be looked at; the text says why."""
    return Line(name, Check.SKIPPED, text, fix)


@dataclass(frozen=True, slots=True)
class Preflight:
    """All lines, in the order in which they are read."""

    lines: tuple[Line, ...]

    def having(self, *verdicts: Check) -> tuple[Line, ...]:
        """The lines with one of these verdicts."""
        return tuple(line for line in self.lines if line.verdict in verdicts)

    @property
    def failures(self) -> tuple[Line, ...]:
        """Why the campaign must not start."""
        return self.having(Check.FAIL)

    @property
    def first_failure(self) -> str | None:
        """The first failure, for a pause reason; None: it may start."""
        if not self.failures:
            return None
        first, *more = self.failures
        rest = f" (and {len(more)} more: wacampaign preflight)" if more else ""
        return f"{first.id}: {first.text}{rest}"

    @property
    def summary(self) -> str:
        """`12 ok, 1 warn, 2 fail, 3 skipped`."""
        counts = ((len(self.having(verdict)), verdict) for verdict in Check)
        return ", ".join(f"{n} {verdict}" for n, verdict in counts if n) or "nothing was looked at"


def merged(lines: Iterable[Line]) -> Iterator[Line]:
    """The same check of several numbers or templates: those that are ok in one line."""
    all_lines = list(lines)
    fine: dict[str, list[Line]] = {}
    for line in all_lines:
        if line.verdict is Check.OK:
            fine.setdefault(line.id, []).append(line)
    for line in all_lines:
        alike = fine.get(line.id, [])
        if line.verdict is not Check.OK:
            yield line
        elif line is alike[0]:
            texts = dict.fromkeys(line.text for line in alike)
            yield ok(line.id, "; ".join(texts))

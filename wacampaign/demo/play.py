"""The demo's acts: the night of 10 November 2025, from failure to all sent, command by command."""

import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from wacampaign.core.words import rows, short_id, were
from wacampaign.demo.account import Proof, open_account, prove
from wacampaign.demo.night import HEALTHY, TEST_PHONE, DemoCampaign, Night, the_night
from wacampaign.demo.receiving import NightReceiver
from wacampaign.demo.stage import Stage, end
from wacampaign.sandbox.demo import DEMO_TOKEN

#: Milliseconds of an answer: with it some 40 messages are on the wire at a time.
_LATENCY_MS: Final = 40.0
#: Seconds between two looks of the live view.
_INTERVAL: Final = "1"
#: Seconds that the worker may take until it works.
_START_SECONDS: Final = 10.0
#: Seconds that the live view may go on when the worker has ended.
_VIEW_SECONDS: Final = 3.0
#: Lines of a log that are shown when its process failed.
_LOG_LINES: Final = 15
#: Exit code of a command that has found what it was asked to look for.
_FINDING: Final = 3


class _StepFailed(Exception):  # noqa: N818 - told to the person who watches
    """A step of the demo ended as it should not have."""


def play(size: int) -> bool:
    """Plays the night on stdout, `size` rows in its largest campaign; whether the proof holds.

    Raises `KeyboardInterrupt` or `SystemExit` when it is interrupted, after cleaning up.
    """
    began = time.monotonic()
    # The first line is inside, too: whoever reads it may interrupt before anything else is done.
    try:
        _say("starting an embedded PostgreSQL and a simulated Cloud API in a temporary folder …")
        with Stage(latency_ms=_LATENCY_MS) as stage:
            _say(f"the simulated Cloud API listens on {stage.sandbox.url}; nothing leaves this")
            _say("machine, and your own settings and database are not touched")
            try:
                holds = _play_on(stage, the_night(size))
            except _StepFailed as failed:
                _say(f"\nNOT OK: {failed}")
                holds = False
    except (KeyboardInterrupt, SystemExit):
        _say("\ninterrupted: every process was ended, the temporary folder removed")
        raise
    _say(f"took {time.monotonic() - began:.0f} s; every process was ended, the folder removed")
    return holds


def _play_on(stage: Stage, night: Night) -> bool:
    open_account(stage.sandbox.control, DEMO_TOKEN)
    stage.leave_behind(night)
    fin, market_2 = night.fin, night.market_2

    _act(
        "10 November 2025, 15:46. The old system says:",
        f"{fin.name}: completed, after 9 seconds. {rows(fin.rows)} {were(fin.rows)} never sent.",
        f"{market_2.name}: all {market_2.rows:,} failed, (#135000) Generic user error.",
    )
    _do(stage, "failures", short_id(night.market_2_before.id))

    _act(
        "The same night with this tool. What does it know without being told where to look?",
    )
    _do(stage, "restart-stuck", "--dry-run")

    _act(
        f"A healthy campaign from a CSV file, and {market_2.name} once more, from its first row.",
    )
    contacts = stage.folder / f"{night.market_1.name}.csv"
    _write_contacts(contacts, night.market_1)
    _do(stage, "templates", "sync")
    _do(
        *(stage, "create", "--csv", contacts.name, "--number", HEALTHY.phone_number_id),
        *("--template", HEALTHY.template, "--start", "--yes"),
    )
    _do(stage, "start", market_2.name, "--yes")
    _say("$ wacampaign webhook > webhook.log &")
    receiver = NightReceiver(stage)
    if not receiver.start():
        _log_end(receiver.log)
        raise _StepFailed("the receiver of webhooks did not start")
    _send(stage, night.market_1.name)
    _do(stage, "queue-stats", market_2.name)

    _act(f"{market_2.name} stopped itself after three answers. Why does Meta refuse it?")
    _do(
        *(stage, "investigate-135000", market_2.name, "--test-to", TEST_PHONE, "--yes"),
        expected=_FINDING,
    )

    _act("Option A: the approved video, uploaded once, sent by its media id. It can be undone.")
    _do(stage, "fix-media", market_2.name, "--upload", "--yes")

    _act("Now everything that stopped though work is left goes on.")
    _do(stage, "restart-stuck", "--yes")
    _send(stage, fin.name)

    _act("Accepted is not delivered. What became of the messages?")
    if not receiver.has_taken_all():
        _log_end(receiver.log)
        raise _StepFailed("the statuses of the messages did not arrive")
    _do(stage, "queue-stats", fin.name, market_2.name)
    report = stage.folder / "report.md"
    _do(stage, "report", fin.name, "--out", report.name)
    _say("$ head -n 40 report.md    (--out report.html has charts, for phone and paper)")
    _show_summary(report)

    _act("Was anything lost or sent twice?")
    clean = _do(stage, "audit", expected=None) == 0
    proof = prove(stage.sandbox.control, night.to_be_sent)
    _show(proof, clean=clean)
    return clean and all(one.holds for one in proof)


def _send(stage: Stage, campaign: str) -> None:
    """The worker in the background, the live view of one campaign in front."""
    log = stage.folder / "worker.log"
    _say("$ wacampaign run-worker --until-idle > worker.log &")
    worker = stage.start("run-worker", "--until-idle", log=log)
    # Its first line says that it works; a view before that would warn of no live worker.
    deadline = time.monotonic() + _START_SECONDS
    while log.stat().st_size == 0 and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _say(f"$ wacampaign monitor {_quoted(campaign)} --interval {_INTERVAL}")
    view = stage.start("monitor", campaign, "--interval", _INTERVAL)
    while view.poll() is None and worker.poll() is None:
        time.sleep(0.05)
    if view.poll() is None:
        # It ends with the campaign; when the worker failed, that end never comes.
        try:
            view.wait(_VIEW_SECONDS if worker.returncode == 0 else 0)
        except subprocess.TimeoutExpired:
            end(view)
    elif worker.poll() is None:
        _say("the worker is finishing …")
    if code := worker.wait():
        _log_end(log)
        raise _StepFailed(f"the worker ended with exit code {code}")
    _say("")


def _log_end(log: Path) -> None:
    with log.open(encoding="utf-8", errors="replace") as lines:
        _say(f"the end of {log.name}:")
        _say("".join(list(lines)[-_LOG_LINES:]).rstrip())


def _show_summary(report: Path) -> None:
    """The report's first sections, as they stand in the file."""
    text, _, _ = report.read_text(encoding="utf-8").partition("\n## Over time")
    _say(text.rstrip() + "\n")


def _do(stage: Stage, *words: str, expected: int | None = 0) -> int:
    """Runs a command in sight; raises `_StepFailed` unless it ends with `expected` (None: any)."""
    _say(f"$ wacampaign {' '.join(map(_quoted, words))}")
    code = stage.run(*words)
    if expected is not None and code != expected:
        raise _StepFailed(f"this step ended with exit code {code}")
    _say("")
    return code


def _show(proofs: list[Proof], *, clean: bool) -> None:
    _say("The proof, counted by the simulated API itself:")
    _say(f"  {'campaign':38}{'recipients':>11}{'once':>8}{'none':>6}{'more':>6}")
    for one in proofs:
        _say(f"  {one.name:38}{one.listed:>11,}{one.once:>8,}{one.never:>6,}{one.repeatedly:>6,}")
    total = sum(one.listed for one in proofs)
    if not all(one.holds for one in proofs):
        _say("NOT OK: not every recipient got exactly one message")
    elif not clean:
        _say("NOT OK: each recipient exactly once, but the audit has a finding")
    else:
        _say(f"ok: each of the {total:,} recipients exactly once, and the audit is clean")


def _write_contacts(path: Path, campaign: DemoCampaign) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("phone", "video", "name", "discount"))
        for i, phone in enumerate(campaign.phones()):
            writer.writerow((phone, *campaign.values(i)))


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _act(*lines: str) -> None:
    _say("\n" + "\n".join(f"# {line}" for line in lines) + "\n")


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)

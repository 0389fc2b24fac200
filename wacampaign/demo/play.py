"""The demo's acts: enter a number, create a campaign, send it, audit it, prove it."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wacampaign.demo.proof import Proof, prove
from wacampaign.demo.stage import Stage, end
from wacampaign.sandbox.demo import DEMO_PHONE_NUMBER_ID, DEMO_WABA_ID

#: Messages a second: Meta's highest throughput (whatsapp-cloud-api 2.1).
_RATE: Final = 1000
#: Milliseconds of an answer: with it some 40 messages are on the wire at a time.
_LATENCY_MS: Final = 40.0
#: The first recipient: in form an Indian mobile number.
_FIRST_PHONE: Final = 919_000_000_001
#: Seconds between two looks of the live view.
_INTERVAL: Final = "1"
#: Seconds that the worker may take until it works.
_START_SECONDS: Final = 10.0
#: Seconds that the live view may go on when the worker has ended.
_VIEW_SECONDS: Final = 10.0
#: Lines of the worker's log that are shown when it failed.
_LOG_LINES: Final = 15


def play(size: int) -> bool:
    """Plays the demo with `size` recipients on stdout; whether the proof holds.

    Raises `KeyboardInterrupt` or `SystemExit` when it is interrupted, after cleaning up.
    """
    began = time.monotonic()
    _say("starting an embedded PostgreSQL and a simulated Cloud API in a temporary folder …")
    try:
        with Stage(latency_ms=_LATENCY_MS) as stage:
            _say(f"the simulated Cloud API listens on {stage.sandbox.url}; nothing leaves this")
            _say("machine, and your own settings and database are not touched\n")
            holds = _play_on(stage, size)
    except (KeyboardInterrupt, SystemExit):
        _say("\ninterrupted: every process was ended, the temporary folder removed")
        raise
    _say(f"took {time.monotonic() - began:.0f} s; every process was ended, the folder removed")
    return holds


def _play_on(stage: Stage, size: int) -> bool:
    stage.sandbox.control.put_number(DEMO_PHONE_NUMBER_ID, throughput="HIGH")
    contacts = stage.folder / "demo.csv"
    _write_contacts(contacts, size)
    _say(f"{contacts.name}: {size:,} made-up recipients with three variables each\n")
    number, campaign = DEMO_PHONE_NUMBER_ID, contacts.stem
    steps = (
        f"number add {number} --waba {DEMO_WABA_ID} --rate {_RATE} --yes",
        f"create --csv {contacts.name} --number {number} --template demo_text --start --yes",
    )
    for step in steps:
        _say(f"$ wacampaign {step}")
        if code := stage.run(*step.split()):
            _say(f"\nNOT OK: this step ended with exit code {code}")
            return False
        _say("")
    _send(stage, campaign)
    _say(f"\n$ wacampaign audit {campaign}")
    clean = stage.run("audit", campaign) == 0
    proof = prove(stage.sandbox.control, _phones(size))
    _show(proof, clean=clean)
    return clean and proof.holds


def _send(stage: Stage, campaign: str) -> None:
    """The worker in the background, the live view of it in front."""
    log = stage.folder / "worker.log"
    _say("$ wacampaign run-worker --until-idle > worker.log &")
    worker = stage.start("run-worker", "--until-idle", log=log)
    # Its first line says that it works; a view before that would warn of no live worker.
    deadline = time.monotonic() + _START_SECONDS
    while log.stat().st_size == 0 and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _say(f"$ wacampaign monitor {campaign} --interval {_INTERVAL}")
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
        _say(f"\nthe worker ended with exit code {code}; the end of its log:")
        with log.open(encoding="utf-8", errors="replace") as lines:
            _say("".join(list(lines)[-_LOG_LINES:]).rstrip())


def _show(proof: Proof, *, clean: bool) -> None:
    _say("\nthe proof, counted by the simulated API itself:")
    for what, n in (
        ("recipients in the file", proof.listed),
        ("messages accepted", proof.accepted),
        ("recipients that got exactly one", proof.once),
        ("recipients that got none", proof.never),
        ("recipients that got more than one", proof.repeatedly),
        ("recipients that are not in the file", proof.strangers),
        (f"most in any second (limit {_RATE:,} + 5 %)", proof.peak_per_second),
    ):
        _say(f"  {what:36} {n:>9,}")
    if proof.holds and clean:
        _say(f"ok: each of the {proof.listed:,} recipients exactly once, and the audit is clean")
    elif proof.holds:
        _say("NOT OK: each recipient exactly once, but the audit has a finding")
    else:
        _say("NOT OK: not every recipient got exactly one message")


def _phones(size: int) -> Iterator[str]:
    return (str(_FIRST_PHONE + i) for i in range(size))


def _write_contacts(path: Path, size: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("phone", "offer", "name", "discount"))
        for i, phone in enumerate(_phones(size)):
            writer.writerow((phone, "Diwali", f"Customer {i + 1}", f"{5 + i % 4 * 5} %"))


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)

"""Many writers at once, and writers that are killed: no gap, no fork, nothing lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestration.ledger.anchor import Anchors
from orchestration.ledger.store import Ledger
from orchestration.ledger.verify import verify
from tests.ledger.acts import act, clock
from tests.ledger.writing_process import BLOCK
from tests.services import ROOT

WRITERS, BLOCKS = 50, 4
KILLS = 30


@pytest.mark.slow
def test_fifty_writers_at_once_lose_nothing_and_see_one_another(url, anchors):
    gate = threading.Barrier(WRITERS)

    def write_all(writer_number):
        ledger = Ledger.open(url, anchors=anchors)
        written = []
        gate.wait()
        for number in range(BLOCKS):
            with ledger.writing(now=clock) as writer:
                before = writer.head().seq
                fields = {"writer": writer_number, "number": number, "before": before}
                first = writer.append(act(fields=fields))
                second = writer.append(act(outcome="recorded", refers_to=first.seq))
            assert (first.seq, second.seq) == (before + 1, before + 2)
            written.append(first)
            ledger.anchor()
        return written

    ledger = Ledger.open(url)
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write_all, number) for number in range(WRITERS)]
        while not all(one.done() for one in writing):
            assert verify(ledger, anchors).what is None, "while they write"
    written = [entry for one in writing for entry in one.result()]

    found = verify(ledger, anchors)
    assert found.what is None
    assert found.entries == 2 * WRITERS * BLOCKS
    assert found.unanchored == 0
    assert {entry.entry_hash for entry in written} == {
        entry.entry_hash for entry in ledger.entries(outcome="effective")
    }


def test_fifty_that_open_a_new_ledger_at_once_open_one(url):
    gate = threading.Barrier(WRITERS)

    def open_and_write(number):
        gate.wait()
        with Ledger.open(url).writing(now=clock) as writer:
            return writer.append(act(number)).seq

    with ThreadPoolExecutor(WRITERS) as pool:
        seqs = list(pool.map(open_and_write, range(WRITERS)))

    assert sorted(seqs) == list(range(1, WRITERS + 1))
    assert verify(Ledger.open(url)).what is None


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_what_it_said_was_there_and_no_half_block(url, tmp_path):
    dice = random.Random(9)
    anchors = Anchors(tmp_path / "anchors", tmp_path / "key.pem")
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.writing_process", url, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=ROOT,
    )
    ledger = None
    promised = 0
    with parent:
        for number in range(KILLS):
            parent.stdin.write("\n")
            child = int(parent.stdout.readline().removeprefix("child "))
            for _ in range(dice.randrange(4)):
                promised = int(parent.stdout.readline().removeprefix("done "))
            # Somewhere in the next block, which takes some ten milliseconds.
            time.sleep(dice.uniform(0, 0.03))
            os.kill(child, signal.SIGKILL)
            for line in iter(parent.stdout.readline, "dead\n"):
                promised = int(line.removeprefix("done "))

            ledger = ledger or Ledger.open(url, anchors=anchors)
            # As the next command of anybody does: what was not anchored is anchored now.
            ledger.anchor()
            found = verify(ledger, anchors)

            assert found.what is None, f"kill {number}"
            assert found.entries >= promised
            assert found.entries % BLOCK == 0
        parent.stdin.close()
    assert promised > KILLS

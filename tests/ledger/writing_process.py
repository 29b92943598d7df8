"""A process whose children write to a ledger until somebody kills them: one per line of input.

A child appends blocks of three entries and anchors each, and says `done N` when entry N is said to
be there for good. Forked children need no imports of their own.
"""

import datetime as dt
import itertools
import os
import sys
from pathlib import Path

from orchestration.ledger.anchor import Anchors
from orchestration.ledger.store import Ledger
from tests.ledger.acts import act

BLOCK = 3


def say(words):
    os.write(1, f"{words}\n".encode())


def write_for_ever(ledger):
    for number in itertools.count():
        with ledger.writing(now=lambda: dt.datetime.now(dt.UTC)) as writer:
            for part in range(BLOCK):
                last = writer.append(act(number * BLOCK + part, fields={"reason": "x" * 2000}))
        say(f"done {last.seq}")
        ledger.anchor()


def main(url, folder):
    ledger = Ledger.open(url, anchors=Anchors(Path(folder, "anchors"), Path(folder, "key.pem")))
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            write_for_ever(ledger)
        say(f"child {child}")
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main(*sys.argv[1:])

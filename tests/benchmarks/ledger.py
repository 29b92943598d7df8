"""What the ledger costs: `python -m tests.benchmarks.ledger [entries ...]`.

Each step runs in a process of its own: CPU seconds of that process (a Postgres server's own are
not in it) and its largest resident set. Entries are appended 10,000 at a time in one block, then
200 one by one, each for good and anchored. Nothing is asserted. Figures of the last run, SQLite
3.40 and Postgres 15 on the loopback, two cores shared with many others (load 10: wall times were
three to five times these):

                          SQLite              Postgres
    entries            100,000  1,000,000  100,000  1,000,000
    append                 7.8       93.1      9.9       82.7
    anchor                 2.4       25.9      3.3       31.3
    200 one by one         2.2        2.0      3.5        4.3
    read all               2.9       28.5      3.2       31.0
    verify                 3.1       34.4      2.5       27.4
    largest set, GB       0.16       0.16     0.16       0.16

With less going on beside it, the SQLite ledger of 100,000 was appended in 6.5, read in 2.1 and
verified in 2.3 CPU seconds.
"""

from __future__ import annotations

import datetime as dt
import itertools
import multiprocessing
import resource
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from orchestration.ledger.anchor import Anchors
from orchestration.ledger.store import Ledger
from orchestration.ledger.verify import verify
from tests.ledger.acts import act
from tests.services import postgres

BLOCK = 10_000
SINGLES = 200


def now() -> dt.datetime:
    """Read the clock, as everybody who decides does."""
    return dt.datetime.now(dt.UTC)


def append(url: str, anchors: Anchors, entries: int) -> None:
    """Append in blocks, as a bulk import does."""
    ledger = Ledger.open(url, anchors=anchors)
    numbers = iter(range(entries))
    with ledger.writing(now=now) as writer:
        while block := [act(number) for number in itertools.islice(numbers, BLOCK)]:
            writer.append_many(block)


def append_singly(url: str, anchors: Anchors, _entries: int) -> None:
    """Append one entry at a time, each for good and anchored, as people do."""
    ledger = Ledger.open(url, anchors=anchors)
    for number in range(SINGLES):
        with ledger.writing(now=now) as writer:
            writer.append(act(number))
        ledger.anchor()


def read(url: str, anchors: Anchors, entries: int) -> None:
    """Read everything once."""
    assert sum(1 for _ in Ledger.open(url, anchors=anchors).entries()) >= entries


def anchor(url: str, anchors: Anchors, entries: int) -> None:
    """Sign what was appended."""
    written = Ledger.open(url, anchors=anchors).anchor()
    assert written is not None
    assert written.seq == entries


def check(url: str, anchors: Anchors, entries: int) -> None:
    """Verify everything."""
    found = verify(Ledger.open(url, anchors=anchors), anchors)
    assert (found.what, found.entries) == (None, entries + SINGLES)


def measured(step, *arguments) -> tuple[float, float, float]:
    """Run a step in a process of its own: CPU seconds, seconds, and its largest memory in GB."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_report, args=(results, step, *arguments))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    return results.get()


def _report(results, step, *arguments) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    step(*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    results.put((time.process_time() - cpu, time.perf_counter() - started, peak))


def main(sizes: list[int]) -> None:
    """Print what each step costs on both engines."""
    say = Console(highlight=False).print
    for engine in ("SQLite", "Postgres"):
        for entries in sizes:
            with (
                tempfile.TemporaryDirectory() as folder,
                nullcontext(f"sqlite:///{folder}/ledger.sqlite")
                if engine == "SQLite"
                else postgres("ledger") as url,
            ):
                anchors = Anchors(Path(folder, "anchors"), Path(folder, "key.pem"))
                say(f"{engine}, {entries:,} entries")
                for step in (append, anchor, append_singly, read, check):
                    cpu, seconds, peak = measured(step, url, anchors, entries)
                    say(f"    {step.__name__:14} {cpu:7.1f} {seconds:7.1f} {peak:6.2f}")


if __name__ == "__main__":
    main([int(words) for words in sys.argv[1:]] or [100_000, 1_000_000])

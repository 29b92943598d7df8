"""Where the time of a run goes: the whole demo, then two further delivery days in a warm process.

    python -m tests.benchmarks.daily_run [tiny]

Prints seconds per step, in order of weight, beside the limit: three minutes for everything, 15 s
for a further day. Nothing is asserted: two shared cores never give the same second twice, so the
CPU seconds are what to compare. Last measured with 48 feeds and 181 models:

    exports                                                     7.7 s
    everything up to the last day but two (limit 180)           162 s, 174 CPU s, cores nearly free
    a further day, warm (limit 15, missed)                       44 CPU s

Since then ten more questions are asked of the models: a further day took 54 CPU s at a load of
fifteen. Of the 44 s some 19 were dbt, 7 publication, 3 Dagster's start, 3 judgements, 2 rules on
marts; what is compared, foreseen and estimated anew took 7 more before it was asked again only
about KPIs whose rows changed. A further day of the tiny demo takes 23: so much is the number of
feeds and models alone. Parts of an earlier round, measured alone, in CPU s:

    110 models and checks of dbt    16.0 -> 13.0    of which 6 are queries, 4 dbt's own Python
    publication                      7.4 ->  5.1
    judgements of 616,000 readings   4.2 ->  3.4    reading 0.7, judging 2.1, storing 0.6
    rules on marts and data docs     6.1 ->  0.8
    the lake files of a first load   2.0 ->  0.5    production orders, 64 files
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console

from orchestration.demo import DEFAULT, TINY, generate
from orchestration.run import run_company
from orchestration.settings import Settings

SHOWN = 12
FIRST_LIMIT, FURTHER_LIMIT = 180, 15

console = Console(highlight=False)


class StepTimes:
    """Adds up the time between reports, by the step that was under way."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.step, self.since = "start", time.perf_counter()
        self.worked = time.process_time()

    def __call__(self, what: str, _done: int, _total: int) -> None:
        now = time.perf_counter()
        self.seconds[self.step] += now - self.since
        self.step, self.since = what.partition(":")[0], now

    def show(self, title: str, limit: int) -> None:
        self(self.step, 0, 0)
        cores = time.process_time() - self.worked
        console.print(
            f"{title}: {sum(self.seconds.values()):.1f} s (limit {limit} s), {cores:.1f} CPU s"
        )
        heaviest = sorted(self.seconds.items(), key=lambda item: -item[1])
        for step, seconds in heaviest[:SHOWN]:
            console.print(f"  {seconds:6.1f}  {step}")


def main() -> None:
    """Measure and print."""
    size = TINY if sys.argv[1:] == ["tiny"] else DEFAULT
    with tempfile.TemporaryDirectory() as home:
        settings = Settings.from_environment({"STEELYARD_HOME": home})
        began = time.perf_counter()
        summary = generate(Path(home) / "demo" / "inbox", size=size)
        console.print(f"exports: {time.perf_counter() - began:.1f} s, {summary.files} files")
        for days_before, limit in ((2, FIRST_LIMIT), (1, FURTHER_LIMIT), (0, FURTHER_LIMIT)):
            as_of = summary.last_delivery - dt.timedelta(days=days_before)
            times = StepTimes()
            run_company(settings, as_of=as_of, report=times)
            times.show(f"run as of {as_of}", limit)


if __name__ == "__main__":
    main()

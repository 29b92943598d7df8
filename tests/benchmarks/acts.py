"""What acts cost from the ledger to their registers.

    python -m tests.benchmarks.acts [acts [per subject]]

The acts are recorded in a ledger of their own, which is not counted here; then they are exported,
landed, guarded and merged into the raw table, and projected by dbt. One act in ten is refused, one
waits for a consent that comes with the next entry, one ends what was there; days are drawn from
three years, half of them open-ended. Nothing is asserted but the number of truths, at most three
per act. Figures of the last run, CPU seconds for 1,000,000 acts (744 MB) on two busy cores:

                                    100,000 subjects   1,000 subjects
    export, every hash checked                  47.8             42.7
    land, guard and merge                       27.0             25.3
    int_acts__effective                          3.6              3.1
    int_acts__fates                              1.3              1.6
    fct_acts                                     1.8              1.5
    reg_override                                 6.1             44.4
    truths                                 1,013,396        1,829,940
    largest resident set                                         1.6 GB

Every act is held against those of its own subject alone, so a register's time grows with the
number of acts and with the acts per subject: 6 microseconds an act where a subject has ten, 44
where it has a thousand.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from orchestration.contracts.load import SHIPPED_ROOT
from orchestration.ingest.pipeline import ingest_feed, prepare
from orchestration.ingest.run_state import begin_run
from orchestration.ledger.definitions import load_act_types
from orchestration.ledger.landing import export_acts
from orchestration.ledger.store import Ledger
from orchestration.registry.load import load_registers
from orchestration.registry.store import store_registers
from orchestration.resources.dbt_models import DbtModels
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings
from tests.benchmarks.memory import peak_gigabytes

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_OF = dt.date(2026, 10, 4)
FIRST_DAY = dt.date(2024, 1, 1)
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
DAYS = 1000
BATCH = 10_000
MODELS = ("int_acts__effective", "int_acts__fates", "fct_acts", "reg_override")
say = Console(highlight=False).print


def payloads(count: int, subjects: int) -> Iterator[dict[str, Any]]:
    """Yield as many acts on overrides, spread over subjects."""
    draw = random.Random(20_261_004)
    for number in range(count):
        first = FIRST_DAY + dt.timedelta(days=draw.randrange(DAYS))
        last = first + dt.timedelta(days=draw.randrange(90))
        kind = number % 10
        # The consent to the act before it.
        is_consent = kind == 7
        # As in a ledger, subjects repeat; a consent has that of its act.
        subject = f"override|KPI{(number - is_consent) * 7919 % subjects:06d}|site|DE01|2026-03"
        yield {
            "act_type": "decision.approve"
            if is_consent
            else "override.end"
            if kind == 9
            else "override.request",
            "definition": "d" * 64,
            "actor": f"E{100_000 + number % 1500}",
            "right": {"right": "request_override", "role": "unit_leader", "org_unit_id": "U-DE01"},
            "subject": subject,
            "refers_to": number if is_consent else None,
            "valid_from": None if is_consent else first.isoformat(),
            "valid_to": None if is_consent or number % 2 else last.isoformat(),
            "fields": {}
            if is_consent
            else {
                "kpi_id": f"KPI{number % 50:03d}",
                "entity_kind": "site",
                "entity_id": "DE01",
                "period": "2026-03",
                "old_value": "0.812",
                "new_value": "0.823",
                "reason": "The counter of the line was reset during the night shift.",
                "evidence": ["ticket 4711"],
                "expires_on": last.isoformat(),
            },
            "outcome": {3: "refused", 6: "pending", 7: "recorded"}.get(kind, "effective"),
            "refusal": "The period is locked: release it first." if kind == 3 else None,
            "completes": number if is_consent else None,
        }


def main(count: int, *acts_per_subject: int) -> None:
    """Print CPU seconds of every step, for many subjects and for few."""
    for subjects in (count // number for number in acts_per_subject):
        say(f"[bold]{count:,} acts on {subjects:,} subjects[/bold]")
        with tempfile.TemporaryDirectory() as folder:
            _measure(Path(folder), count, subjects)


def _measure(home: Path, count: int, subjects: int) -> None:
    settings = Settings(SHIPPED_ROOT, home, "demo", home / "nothing", "4GB", threads=2)
    company, warehouse = settings.company, Warehouse.of(settings)
    dbt = DbtModels(settings.dbt_project, settings.dbt_home, settings.environment())
    _ = dbt.manifest_path
    prepare(warehouse, company, as_of=AS_OF, run_id="prepare")
    seconds = itertools.count()
    with Ledger.open(settings.ledger_url).writing(
        now=lambda: START + dt.timedelta(seconds=next(seconds))
    ) as writer:
        acts = payloads(count, subjects)
        while writer.append_many(itertools.islice(acts, BATCH)):
            pass
    with _timed("export"):
        exported = export_acts(settings.ledger_url, settings.company_home, as_of=AS_OF)
    size = sum(path.stat().st_size for path in exported.files) / 1e6
    with _timed(f"land, guard and merge {size:,.0f} MB"):
        ingest_feed(
            warehouse, company, "acts", settings.folder_of("acts"), as_of=AS_OF, run_id="land"
        )
    with warehouse.connect() as con:
        folders = settings.register_folders
        store_registers(con, company, load_registers(folders), load_act_types(folders))
        begin_run(con, run_id="run", as_of=AS_OF, definition_hash="same")
    dbt.build(["model.steelyard.stg_ledger__acts"], full_refresh=True, report=lambda _: None)
    for model in MODELS:
        with _timed(model):
            (result,) = dbt.build(
                [f"model.steelyard.{model}"], full_refresh=True, report=lambda _: None
            )
        if result.status != "success":
            raise RuntimeError(result.message)
    with warehouse.connect() as con:
        acts, truths = con.execute(
            "select (select count(*) from raw.acts), (select count(*) from governance.reg_override)"
        ).fetchall()[0]
    assert acts == count
    assert truths <= 3 * count
    say(f"  {truths:,} truths; largest resident set {peak_gigabytes():.1f} GB")


@contextmanager
def _timed(title: str) -> Iterator[None]:
    worked = time.process_time()
    yield
    say(f"  {time.process_time() - worked:6.1f} CPU s  {title}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ("1000000", "10", "1000")))

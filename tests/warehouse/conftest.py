"""A company in a temporary home, taken through the product's own steps without Dagster."""

from __future__ import annotations

import datetime as dt
import shutil
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from orchestration.contracts.load import SHIPPED_ROOT
from orchestration.demo import TINY, generate
from orchestration.governance.questions import METHODS, QUESTIONS, methods
from orchestration.ingest.commit import content_hash
from orchestration.ingest.pipeline import ingest_feed, prepare
from orchestration.ingest.run_state import begin_run, finish_run
from orchestration.ingest.sql import column_list, quote_relation
from orchestration.ledger.definitions import load_act_types
from orchestration.ledger.exemptions import read_exemptions
from orchestration.publication.snapshot import PUBLISHED
from orchestration.publication.standing import write_standing
from orchestration.registry.load import load_registers
from orchestration.registry.logic import logics
from orchestration.registry.store import store_logics, store_registers
from orchestration.resources.dbt_models import DbtModels
from orchestration.resources.findings import find, note_unanswered
from orchestration.resources.warehouse import Warehouse
from orchestration.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

READING = ("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date")
# What a later run must leave as a build from nothing would: what is published, and the large
# tables beneath it that are built incrementally.
COMPARED = {
    **PUBLISHED,
    "core.fct_machine_states": ("machine_id", "started_at_utc"),
    "kpi.fct_reading_components": (
        *("measure_id", "entity_kind", "entity_id"),
        *("period_kind", "period_start_date"),
    ),
    "intermediate.int_measures__machine_days": ("machine_id", "production_date"),
    "intermediate.int_measures__production_days": ("machine_id", "production_date"),
}


class House:
    """A company's home: deliveries go into `landing`, runs change the warehouse.

    The definitions never change within a test session, so every run is planned with the same
    definition hash; `is_full` comes from the run's own plan.
    """

    def __init__(self, home: Path, landing: Path, parsed: Path, *, threads: int = 2) -> None:
        self.home, self.landing, self.parsed = home, landing, parsed
        self.settings = Settings(SHIPPED_ROOT, home, "demo", landing, "2GB", threads=threads)
        self.company = self.settings.company
        self.warehouse = Warehouse.of(self.settings)
        self.dbt = DbtModels(self.settings.dbt_project, parsed, self.settings.environment())
        graph = self.dbt.read_manifest()
        self.manifest = graph
        self.parents = graph["parent_map"]
        self.models = [name for name in graph["nodes"] if name.startswith("model.")]
        self.incremental = {
            name
            for name in self.models
            if graph["nodes"][name]["config"]["materialized"] == "incremental"
        }
        self.standing = [name for name in graph["sources"] if ".standing." in name]
        self.runs = 0

    def copy(self, home: Path) -> House:
        """Return a house that stands where this one stands, with a landing folder of its own."""
        shutil.copytree(self.home, home / "home")
        shutil.copytree(self.landing, home / "landing")
        other = House(home / "home", home / "landing", self.parsed)
        other.runs = self.runs
        return other

    # ------------------------------------------------------------------------------------ runs

    def run(self, as_of: dt.date, *, days: Iterable[dt.date] | None = None) -> None:
        """Load what is new, build, judge and close the run: a daily run without publication."""
        self.ingest(as_of, days)
        self.build(as_of)

    def ingest(self, as_of: dt.date, days: Iterable[dt.date] | None = None) -> None:
        ends = load_act_types(self.settings.register_folders).ending()
        # What is waived is read from the acts that have landed.
        for feed in sorted(self.company.canonical, key=lambda name: name != "acts"):
            with self.warehouse.connect() as con:
                exemptions = read_exemptions(con, feed, ends)
            ingest_feed(
                self.warehouse,
                self.company,
                feed,
                self.settings.folder_of(feed),
                days,
                as_of=as_of,
                run_id=f"run-{self.runs + 1}",
                exemptions=exemptions,
            )

    def build(self, as_of: dt.date, *, judged: bool = True) -> None:
        self.begin(as_of)
        needs_judgement = self.below_statistics()
        needs_standing = self._downstream(*self.standing)
        later = needs_judgement | needs_standing
        self.build_models([name for name in self.models if name not in later])
        if judged:
            self.find()
            self.build_models(sorted(needs_judgement - needs_standing))
            with self.warehouse.connect() as con:
                write_standing(con, self.settings.published)
            self.build_models([name for name in self.models if name in needs_standing])
        with self.warehouse.connect() as con:
            finish_run(con, content_hash=None)

    def below_statistics(self) -> set[str]:
        """Return the models that read what Python finds."""
        found = [name for name in self.manifest["sources"] if ".statistics." in name]
        return self._downstream(*found)

    def find(self) -> None:
        """Let Python find what it finds in the models."""
        for one in QUESTIONS:
            find(
                self.warehouse,
                one.sources,
                f"statistics.{one.name}",
                one.answer,
                by=one.by,
                apart=one.apart,
                only=one.only,
            )
        self.warehouse.replace(METHODS, methods(QUESTIONS))
        note_unanswered(self.warehouse, [f"statistics.{one.name}" for one in QUESTIONS])

    def rebuild_incremental(self) -> None:
        """Build the incremental models from nothing, with what they replace."""
        self.is_full = True
        self.build_models(
            [name for name in self.models if name in self.incremental or ".int_touched__" in name]
        )

    def begin(self, as_of: dt.date) -> None:
        self.runs += 1
        registers = load_registers(self.settings.register_folders)
        act_types = load_act_types(self.settings.register_folders)
        with self.warehouse.connect() as con:
            store_registers(con, self.company, registers, act_types)
            store_logics(con, logics(registers, self.manifest))
            plan = begin_run(con, run_id=f"run-{self.runs}", as_of=as_of, definition_hash="same")
        self.is_full = plan.is_full

    def rebuild(self, as_of: dt.date) -> None:
        """Build everything from nothing over the raw tables, as a first run would."""
        self.execute("delete from ops.run_history")
        self.build(as_of)
        assert self.is_full

    def build_models(self, nodes: list[str]) -> None:
        results = self.dbt.build(nodes, full_refresh=self.is_full, report=lambda _: None)
        wrong = [f"{one.unique_id}: {one.message}" for one in results if one.status != "success"]
        assert not wrong, "\n".join(wrong)

    def build_with_parents(self, *names: str) -> None:
        """Build these models and all models that they read."""
        wanted, todo = set(), [f"model.steelyard.{name}" for name in names]
        while todo:
            node = todo.pop()
            if node.startswith("model.") and node not in wanted:
                wanted.add(node)
                todo += self.parents[node]
        self.build_models([name for name in self.models if name in wanted])

    def _downstream(self, *nodes: str) -> set[str]:
        found: set[str] = set()
        todo = list(nodes)
        while todo:
            parent = todo.pop()
            children = [one for one in self.models if parent in self.parents[one]]
            todo += [one for one in children if one not in found]
            found.update(children)
        return found

    # ---------------------------------------------------------------------------------- content

    def query(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.warehouse.connect() as con:
            return con.execute(sql, parameters or []).fetchall()

    def frame(self, sql: str) -> Any:
        with self.warehouse.connect() as con:
            return con.execute(sql).df()

    def execute(self, sql: str) -> None:
        with self.warehouse.connect() as con:
            con.execute(sql).fetchall()

    def hashes(self) -> dict[str, str]:
        with self.warehouse.connect() as con:
            return {name: content_hash(con, name, key) for name, key in COMPARED.items()}

    def differences(self, other: House, *, limit: int = 5) -> str:
        """Return, per relation that differs, some rows that only one of the two has."""
        mine, theirs = self.hashes(), other.hashes()
        told = []
        with self.warehouse.connect() as con:
            con.execute(f"attach '{other.warehouse.path}' as other (read_only)")
            for name in (name for name in mine if mine[name] != theirs[name]):
                here, there = quote_relation(name), f"other.{quote_relation(name)}"
                for which, left, right in (("+", here, there), ("-", there, here)):
                    rows = con.execute(
                        f"select *, count(*) over () from (from {left} except from {right}) "
                        f"order by all limit {limit}"
                    ).fetchall()
                    told += [f"{name} {which} {row}" for row in rows]
        return "\n".join(told)

    # ---------------------------------------------------------------------------------- landing

    def delivered(self, feed: str) -> list[Path]:
        return sorted(self.landing.glob(f"*/{feed}/*/*"), key=lambda path: path.parts[-2:])

    def deliver(self, feed: str, day: dt.date, text: str, *, name: str = "crafted") -> Path:
        """Put one file of a feed, in the form of its other files, into a day's delivery."""
        like = self.delivered(feed)[0]
        path = like.parent.parent / day.isoformat() / f"{name}{like.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


# ------------------------------------------------------------------------------- the demo company


@pytest.fixture(scope="session")
def parsed(tmp_path_factory) -> Path:
    """Where dbt keeps the parsed project of all houses: parsing takes seven seconds."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="session")
def tiny_landing(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("demo") / "landing", size=TINY).landing


FIRST_DAY = dt.date(2026, 10, 1)
LAST_DAY = dt.date(2026, 10, 4)


@pytest.fixture(scope="session")
def first_day(tmp_path_factory, tiny_landing, parsed) -> House:
    """TINY after its first delivery; copy it to go on."""
    house = House(tmp_path_factory.mktemp("first"), tiny_landing, parsed)
    house.run(FIRST_DAY)
    return house


@pytest.fixture(scope="session")
def day_by_day(tmp_path_factory, first_day) -> House:
    """TINY after its three daily deliveries, run day by day; read only, copy it to go on."""
    house = first_day.copy(tmp_path_factory.mktemp("daily"))
    for number in range(1, 4):
        day = FIRST_DAY + dt.timedelta(days=number)
        house.run(day, days=[day])
        assert not house.is_full
    return house


# --------------------------------------------------------------------------------- empty houses

ZONES = {"DE01": "Europe/Berlin", "IN01": "Asia/Kolkata", "US01": "America/Chicago"}


class Bare(House):
    """An empty warehouse into which a test writes typed rows itself."""

    def __init__(self, home: Path, parsed: Path, as_of: dt.date) -> None:
        super().__init__(home, home / "nothing", parsed)
        prepare(self.warehouse, self.company, as_of=as_of, run_id="prepare")

    def write(self, feed: str, *rows: dict[str, Any], delivered: str = "2026-01-01") -> None:
        """Put typed rows into a raw table; what a row does not say is missing."""
        with self.warehouse.connect() as con:
            for row in rows:
                full = {"_delivery_date": delivered, "_last_delivery": f"{delivered}/f", **row}
                marks = ", ".join("?" for _ in full)
                con.execute(
                    f"insert into raw.{feed} ({column_list(list(full))}) values ({marks})",
                    list(full.values()),
                )

    def accept(self, *feeds: str, on: str) -> None:
        """Enter an accepted delivery of these feeds into the log."""
        with self.warehouse.connect() as con:
            for feed in feeds:
                con.execute(
                    "insert into ops.delivery_log by name "
                    "select ? as feed, ?::date as delivery_date, 'accept' as action",
                    [feed, on],
                )

    def touch(self, *ranges: tuple[str, str]) -> None:
        """Replace what the run in progress replaces."""
        with self.warehouse.connect() as con:
            con.execute("delete from ops.touched")
            for first, last in ranges:
                con.execute("insert into ops.touched values ('run', 'test', ?, ?)", [first, last])


@pytest.fixture
def bare(tmp_path, parsed):
    """Return a maker of empty houses that stand at an as-of."""

    def make(as_of: str, name: str = "bare") -> Bare:
        house = Bare(tmp_path / name, parsed, dt.date.fromisoformat(as_of))
        house.begin(dt.date.fromisoformat(as_of))
        return house

    return make


def utc(zone: str, wall: str) -> dt.datetime:
    """Return the UTC instant, without zone, of a wall clock such as ``2026-10-24 22:00``."""
    local = dt.datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(dt.UTC).replace(tzinfo=None)


def instant(column: str, zone: str, wall: str | dt.datetime | None) -> dict[str, Any]:
    """Return the three typed columns of an instant given as the site's wall clock."""
    if wall is None:
        return {f"{column}_utc": None, f"{column}_local": None, f"{column}_zone": None}
    text = wall if isinstance(wall, str) else wall.isoformat(sep=" ")
    return {
        f"{column}_utc": utc(zone, text),
        f"{column}_local": dt.datetime.fromisoformat(text),
        f"{column}_zone": zone,
    }


def shift(
    calendar: str,
    day: str,
    start: str,
    end: str,
    *,
    site: str = "DE01",
    shift_id: str = "S",
    break_minutes: int = 0,
    working: bool = True,
) -> dict[str, Any]:
    """Return one row of the shift calendar; an end not after the start is on the next day."""
    zone = ZONES[site]
    next_day = dt.date.fromisoformat(day) + dt.timedelta(days=int(end <= start))
    return {
        "site": site,
        "line_or_machine": calendar,
        "shift_date": day,
        "shift_id": shift_id,
        "start_local": f"{day} {start}",
        "start_utc": utc(zone, f"{day} {start}"),
        "end_local": f"{next_day} {end}",
        "end_utc": utc(zone, f"{next_day} {end}"),
        "time_zone": zone,
        "break_minutes": break_minutes,
        "working": working,
    }


def machine(
    name: str, line: str, *, site: str = "DE01", since: str = "2020-01-01"
) -> dict[str, Any]:
    """Return one machine of the equipment master."""
    return {
        "machine_id": name,
        "site": site,
        "parent_id": line,
        "level": "work_unit",
        "name": name,
        "valid_from": since,
    }


def line(
    name: str, *, site: str = "DE01", unit: str | None = None, since: str = "2020-01-01"
) -> dict[str, Any]:
    """Return one line of the equipment master."""
    return {
        "machine_id": name,
        "site": site,
        "parent_id": site,
        "level": "line",
        "name": name,
        "org_unit_id": unit,
        "valid_from": since,
    }

"""What an act is checked against: the catalogue, the org tree, people and published figures.

All of it is what everybody sees: the registers, the contracts and the published snapshot. Nothing
here reads the pipeline's own database, so an act can be recorded while a run is under way.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.governance.feasibility import Forecast
from orchestration.governance.periods import Period
from orchestration.ingest.outcome import UNANSWERED
from orchestration.publication.snapshot import (
    CURRENT,
    DATABASE,
    SNAPSHOTS,
    Snapshot,
    SnapshotError,
    read_current,
    read_snapshot,
)

if TYPE_CHECKING:
    from orchestration.registry.load import Registers
    from orchestration.registry.model import CapacityBound, GoalPolicy, Kpi
    from orchestration.settings import Settings

OPEN_END = dt.date.max


@dataclass(frozen=True)
class Unit:
    """One version of an org unit, first and last day inclusive."""

    org_unit_id: str
    kind: str
    parent_id: str | None
    leader_id: str | None
    site_id: str | None
    valid_from: dt.date
    valid_to: dt.date


@dataclass(frozen=True)
class Place:
    """An org unit that an entity is a matter of, first and last day inclusive."""

    org_unit_id: str
    valid_from: dt.date
    valid_to: dt.date


@dataclass(frozen=True)
class PublishedReading:
    """A published computed value: a share as 0.95, in the KPI's unit and multiplier otherwise."""

    value: Decimal | None


@dataclass(frozen=True)
class RatingCycle:
    """How many ratings of a cycle lie far from what was expected, and how many nobody explained."""

    outliers: int
    unexplained: int


FindReading = Callable[[str, str, str, Period], "PublishedReading | None"]


def _no_reading(_kpi: str, _kind: str, _entity: str, _period: Period) -> PublishedReading | None:
    return None


@dataclass(frozen=True)
class Facts:
    """What is known on the day of an act.

    Attributes
    ----------
    kpis : mapping of str to Kpi
        The catalogue.
    rules : mapping of str to collection of str
        Feeds and the ids of their rules.
    units : collection of Unit
        All versions of all org units.
    employed : mapping of str to (date, date)
        First and last day of employment of every person who was ever employed.
    entities : mapping of (str, str) to collection of Place
        Kind and id of every entity that can have readings, with the org units it is a matter of.
    find_reading : callable
        Returns the published reading of a KPI, entity and period, or None.
    snapshots : collection of str
        Content hashes of the published snapshots that are still kept.
    unjudged_snapshots : collection of str
        Of them those with readings on which the method of judgement failed.
    logic_hashes : mapping of str to str
        Logic hash of every KPI as it is defined now.
    rating_cycles : mapping of str to RatingCycle
        Every cycle with ratings.
    forecasts : mapping of (str, str, str) to Forecast
        KPI, kind and id of every site and company of which something is foreseen.
    foreseen_on : date
        The day as of which they were published.
    goals : GoalPolicy or None
        Which odds a target must have; None lets all pass.
    capacity : mapping of (str, str or None) to CapacityBound
        KPI and org unit, or None for all of them.
    trial_steps : mapping of (str, str, str) to date
        Trial, line and id of every step that was declared, and the day it is due on.
    proposals : mapping of str to mapping of str to str
        By their ids, what published proposals of levels say of the fields of an act.
    quarantined : callable
        Returns how many rows of a feed's delivery a rule has set aside.
    """

    kpis: Mapping[str, Kpi]
    rules: Mapping[str, Collection[str]] = field(default_factory=dict)
    units: Collection[Unit] = ()
    employed: Mapping[str, tuple[dt.date, dt.date]] = field(default_factory=dict)
    entities: Mapping[tuple[str, str], Collection[Place]] = field(default_factory=dict)
    find_reading: FindReading = _no_reading
    snapshots: Collection[str] = ()
    unjudged_snapshots: Collection[str] = ()
    logic_hashes: Mapping[str, str] = field(default_factory=dict)
    rating_cycles: Mapping[str, RatingCycle] = field(default_factory=dict)
    forecasts: Mapping[tuple[str, str, str], Forecast] = field(default_factory=dict)
    foreseen_on: dt.date = dt.date.min
    goals: GoalPolicy | None = None
    capacity: Mapping[tuple[str, str | None], CapacityBound] = field(default_factory=dict)
    trial_steps: Mapping[tuple[str, str, str], dt.date] = field(default_factory=dict)
    proposals: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    quarantined: Callable[[str, dt.date, str], int] = lambda *_: 0

    def __post_init__(self) -> None:
        versions: dict[str, list[Unit]] = defaultdict(list)
        led: dict[str, list[Unit]] = defaultdict(list)
        for unit in sorted(self.units, key=lambda one: one.valid_from):
            versions[unit.org_unit_id].append(unit)
            if unit.leader_id:
                led[unit.leader_id].append(unit)
        object.__setattr__(self, "_versions", dict(versions))
        object.__setattr__(self, "_led", dict(led))

    def unit_on(self, org_unit_id: str, day: dt.date) -> Unit | None:
        """Return the version of an org unit that is valid on a day, or None."""
        versions: list[Unit] = self._versions.get(org_unit_id, [])  # type: ignore[attr-defined]
        place = bisect_right(versions, day, key=lambda one: one.valid_from) - 1
        return versions[place] if place >= 0 and day <= versions[place].valid_to else None

    def units_above(self, org_unit_id: str, day: dt.date) -> list[str]:
        """Return the units strictly above a unit on a day, the nearest first.

        A tree that the HR system made circular ends where it would come round again.
        """
        above: list[str] = []
        unit = self.unit_on(org_unit_id, day)
        while unit is not None and unit.parent_id and unit.parent_id not in above:
            above.append(unit.parent_id)
            unit = self.unit_on(unit.parent_id, day)
        return above

    def led_by(self, person_id: str) -> list[Unit]:
        """Return the versions of units that a person leads or led."""
        return list(self._led.get(person_id, []))  # type: ignore[attr-defined]

    def units_of_entity(self, kind: str, entity_id: str, day: dt.date) -> list[str]:
        """Return the org units that an entity is a matter of on a day."""
        return sorted(
            place.org_unit_id
            for place in self.entities.get((kind, entity_id), ())
            if place.valid_from <= day <= place.valid_to
        )

    def forecast_of(
        self, kpi_id: str, org_unit_id: str, day: dt.date
    ) -> tuple[str, Forecast] | None:
        """Return the entity that is a matter of this unit alone, and its forecast, or None.

        What was published after the day was not known on it.
        """
        if day < self.foreseen_on:
            return None
        for (kpi, kind, entity), forecast in self.forecasts.items():
            if kpi == kpi_id and set(self.units_of_entity(kind, entity, day)) == {org_unit_id}:
                return f"{kind} {entity}", forecast
        return None

    def is_employed(self, person_id: str, day: dt.date) -> bool:
        """Say whether a person is employed on a day."""
        first, last = self.employed.get(person_id, (OPEN_END, dt.date.min))
        return first <= day <= last


def read_facts(settings: Settings, registers: Registers) -> Facts:
    """Return what the published snapshot, the contracts and the registers say.

    Before the first publication there are no units, people and readings; an act that needs one is
    refused then, and the sentence says so.

    Raises
    ------
    SnapshotError
        If the snapshot is not what was published, or an earlier version published it.
    """
    rules = {
        feed: frozenset(rule.id for rule in contract.rules)
        for feed, contract in settings.company.canonical.items()
    }
    declared: dict[str, Any] = {
        "kpis": registers.kpis,
        "rules": rules,
        "goals": registers.goals,
        "capacity": registers.capacity,
        "trial_steps": {
            (trial.id, *at): step.due
            for trial in registers.trials.values()
            for at, step in trial.steps_by_line.items()
        },
    }
    if not (settings.published / CURRENT).exists():
        return Facts(**declared)
    snapshot = read_current(settings.published)
    database = str(snapshot.file(DATABASE))
    with duckdb.connect(database, read_only=True) as con:
        try:
            return Facts(
                **declared,
                **_published_facts(con),
                foreseen_on=dt.date.fromisoformat(snapshot.as_of),
                find_reading=partial(_find_reading, database),
                **_kept_snapshots(settings),
            )
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise SnapshotError(
                "What is published lacks tables that acts are checked against, so an earlier "
                "version published it. Run `steelyard run` first."
            ) from error


def _published_facts(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the fields of `Facts` that the published database holds."""
    units = con.execute(
        "select org_unit_id, org_unit_kind, parent_id, leader_id, site_id, valid_from, "
        "valid_to from core.dim_org_units order by all"
    ).fetchall()
    people = con.execute(
        "select employee_id, first_hire_date, exit_date from core.dim_people"
    ).fetchall()
    entities: dict[tuple[str, str], list[Place]] = {
        (kind, entity): []
        for kind, entity in con.execute(
            "select entity_kind, entity_id from core.dim_entities"
        ).fetchall()
    }
    for kind, entity, *place in con.execute(
        "select entity_kind, entity_id, org_unit_id, valid_from, valid_to "
        "from core.bridge_entity_units order by all"
    ).fetchall():
        entities.setdefault((kind, entity), []).append(Place(*place))
    held = {
        (feed, day, rule): rows
        for feed, day, rule, rows in con.execute(
            "select feed, delivery_date, rule_id, row_count from governance.rpt_set_aside"
        ).fetchall()
    }
    return {
        "units": [Unit(*row) for row in units],
        "employed": {person: (first, last or OPEN_END) for person, first, last in people},
        "entities": entities,
        "logic_hashes": dict(
            con.execute("select kpi_id, logic_hash from governance.kpi_publication").fetchall()
        ),
        "rating_cycles": {
            cycle: RatingCycle(outliers, unexplained)
            for cycle, outliers, unexplained in con.execute(
                "select cycle_id, outlier_count, unexplained_count "
                "from governance.rpt_rating_cycles"
            ).fetchall()
        },
        "forecasts": {
            (kpi, kind, entity): Forecast(*foreseen)
            for kpi, kind, entity, *foreseen in con.execute(
                "select kpi_id, entity_kind, entity_id, last_month_date, nine_in_ten_level, "
                "even_odds_level, one_in_ten_level, tested_count, held_count "
                "from kpi.fct_kpi_outlook where even_odds_level is not null order by all"
            ).fetchall()
        },
        "proposals": {
            proposal: {
                "kpi_id": kpi,
                "org_unit_id": unit,
                **{
                    name: f"{Decimal(repr(level)):f}"
                    for name, level in zip(("threshold", "target", "stretch"), levels, strict=True)
                },
                "proposal_method": method,
                "proposal_inputs": inputs,
            }
            for proposal, kpi, unit, method, inputs, *levels in con.execute(
                "select proposal_id, kpi_id, org_unit_id, method_code, inputs, threshold_level, "
                "target_level, stretch_level from kpi.fct_target_proposals "
                "where refusal is null order by all"
            ).fetchall()
        },
        "quarantined": lambda *key: held.get(key, 0),
    }


def _find_reading(
    database: str, kpi: str, kind: str, entity: str, period: Period
) -> PublishedReading | None:
    with duckdb.connect(database, read_only=True) as con:
        found = con.execute(
            # What the deliveries say: an override names the value that it replaces.
            "select computed_value from kpi.fct_kpi_readings where kpi_id = ? and "
            "entity_kind = ? and entity_id = ? and period_kind = ? and period_start_date = ?",
            [kpi, kind, entity, period.kind, period.first_day],
        ).fetchall()
    if not found:
        return None
    value = found[0][0]
    return PublishedReading(None if value is None else Decimal(repr(value)))


def _kept_snapshots(settings: Settings) -> dict[str, frozenset[str]]:
    hashes, unjudged = set(), set()
    for folder in (settings.published / SNAPSHOTS).glob("????-??-??-*"):
        try:
            snapshot = read_snapshot(folder)
            if _lacks_judgements(snapshot):
                unjudged.add(snapshot.content_hash)
            hashes.add(snapshot.content_hash)
        except SnapshotError:
            # A damaged one cannot be locked; `steelyard verify` names it.
            continue
    return {"snapshots": frozenset(hashes), "unjudged_snapshots": frozenset(unjudged)}


def _lacks_judgements(snapshot: Snapshot) -> bool:
    # Most lack nothing, as their manifests say; a snapshot of an earlier version has no such table.
    files = [one.file for one in snapshot.tables if one.relation == UNANSWERED and one.rows]
    if not files:
        return False
    with duckdb.connect() as con:
        found = con.execute(
            "select 1 from read_parquet(?) where question_id = 'kpi_judgements' limit 1",
            [[str(snapshot.file(file)) for file in files]],
        ).fetchone()
    return found is not None

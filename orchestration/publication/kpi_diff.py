"""What a changed definition of a KPI changes: in its register, in the SQL, and in the figures.

A run computes the changed KPI, but what it publishes are the figures of before: so every run over
a change that nobody has approved is its shadow run. Who decides on the change sees here both
definitions and, per entity, what the new one would make of the same periods.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from orchestration.ingest.sql import quote_literal
from orchestration.publication.snapshot import CURRENT, Snapshot, SnapshotError, read_current
from orchestration.publication.standing import KEY, PUBLICATION, READINGS, find_snapshot
from orchestration.registry.archive import archived_logic
from orchestration.registry.load import load_registers
from orchestration.registry.logic import logics
from orchestration.resources.dbt_models import DbtModels
from orchestration.resources.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from orchestration.registry.logic import Logic
    from orchestration.settings import Settings

ABSENT = "-"


class KpiDiffError(RuntimeError):
    """There is nothing to compare; the message says why and what to do."""


@dataclass(frozen=True)
class FieldChange:
    """A field of the register that differs; a side without it has a dash."""

    field: str
    old: str
    new: str


@dataclass(frozen=True)
class SqlChange:
    """A model or macro that differs, as a unified diff of its SQL without comments."""

    name: str
    diff: str


@dataclass(frozen=True)
class EntityChange:
    """What the new definition makes of an entity's periods.

    `largest_change` is the new value less the old one where they are furthest apart, in the KPI's
    unit; None where no period has both.
    """

    entity_kind: str
    entity_id: str
    compared: int
    changed: int
    largest_change: float | None


@dataclass(frozen=True)
class ShadowRun:
    """Published figures under the old definition beside built ones under the new.

    `old_as_of` and `new_as_of` tell what each side knew: if they differ, a change may come from
    later facts too. `only_old` and `only_new` count readings that one side alone has. Readings of
    locked periods are not compared.
    """

    old_as_of: str
    new_as_of: str
    compared: int
    changed: int
    largest_change: float | None
    only_old: int
    only_new: int
    entities: tuple[EntityChange, ...]


@dataclass(frozen=True)
class KpiDiff:
    """Old and new definition of a KPI; `shadow` is None until a run has built the new one."""

    kpi_id: str
    old_hash: str
    new_hash: str
    approved_by_act_seq: int | None
    is_withheld: bool
    fields: tuple[FieldChange, ...]
    sql: tuple[SqlChange, ...]
    shadow: ShadowRun | None

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return asdict(self)


def compare(settings: Settings, kpi: str) -> KpiDiff:
    """Compare a KPI's definition in the company's files with the approved or published one.

    Raises
    ------
    KpiDiffError
        If there is no such KPI, or nothing was built yet; and what `kpi_diff` raises.
    WarehouseBusyError
        If a run holds the warehouse.
    """
    registers = load_registers(settings.register_folders)
    if kpi not in registers.kpis:
        raise KpiDiffError(f"There is no KPI {kpi}; there are {', '.join(registers.kpis)}.")
    warehouse = Warehouse.of(settings, wait_seconds=0)
    if not warehouse.path.is_file():
        raise KpiDiffError("Nothing has been built yet. Run `steelyard run` first.")
    models = DbtModels(settings.dbt_project, settings.dbt_home, settings.environment())
    present = logics(registers, models.read_manifest())[kpi]
    with warehouse.connect("steelyard kpi diff") as con:
        return kpi_diff(con, settings.company_home, settings.published, present)


def kpi_diff(con: duckdb.DuckDBPyConnection, home: Path, published: Path, new: Logic) -> KpiDiff:
    """Compare a KPI's present definition with the approved one, or else with the published one.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse.
    home : Path
        Holds the archived definitions.
    published : Path
        Holds the snapshots.
    new : Logic
        The definition in the registers and models as they are now.

    Raises
    ------
    KpiDiffError
        If the KPI was never built or published.
    ArchiveError
        If the old definition was never used by a run of this home.
    SnapshotError
        If the snapshot to compare with is damaged.
    """
    state = _state(con, new.kpi_id)
    stands_from = state["stands_from_snapshot_hash"]
    if stands_from is not None:
        then = find_snapshot(published, stands_from)
        if then is None:
            raise SnapshotError(
                f"The snapshot {stands_from[:16]} that the figures of {new.kpi_id} stand on is "
                "missing or damaged: copy its folder from a backup."
            )
    elif (published / CURRENT).is_dir():
        then = read_current(published)
    else:
        raise KpiDiffError("Nothing has been published yet. Run `steelyard run` first.")
    old_hash = state["approved_logic_hash"] or _published_logic(con, then, new.kpi_id)
    if old_hash is None:
        raise KpiDiffError(
            f"{new.kpi_id} was last published before logic hashes were kept: run `steelyard run`, "
            "and approve its present logic."
        )
    old = archived_logic(home, old_hash)
    return KpiDiff(
        kpi_id=new.kpi_id,
        old_hash=old.hash,
        new_hash=new.hash,
        approved_by_act_seq=state["approved_by_act_seq"],
        is_withheld=state["is_withheld"],
        fields=field_changes(old, new),
        sql=sql_changes(old, new),
        shadow=_shadow(con, then, new.kpi_id) if state["logic_hash"] == new.hash else None,
    )


def field_changes(old: Logic, new: Logic) -> tuple[FieldChange, ...]:
    """Return the fields of the KPI and of its measures that differ, in order of name."""
    before, after = _fields(old), _fields(new)
    return tuple(
        FieldChange(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def sql_changes(old: Logic, new: Logic) -> tuple[SqlChange, ...]:
    """Return the models and macros that differ, each as a unified diff."""
    before, after = old.definition["sql"], new.definition["sql"]
    return tuple(
        SqlChange(
            name,
            "\n".join(
                difflib.unified_diff(
                    old.texts[before[name]].splitlines() if name in before else [],
                    new.texts[after[name]].splitlines() if name in after else [],
                    f"{name} (old)",
                    f"{name} (new)",
                    lineterm="",
                )
            ),
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _fields(logic: Logic) -> dict[str, str]:
    entries = {"": logic.definition["kpi"]}
    entries |= {f"measure {name}: ": entry for name, entry in logic.definition["measures"].items()}
    return {
        f"{prefix}{name}": json.dumps(value, sort_keys=True, ensure_ascii=False)
        for prefix, entry in entries.items()
        for name, value in entry.items()
    }


def _state(con: duckdb.DuckDBPyConnection, kpi: str) -> dict[str, Any]:
    built = con.execute(
        "select 1 from information_schema.tables "
        "where table_schema = 'governance' and table_name = 'kpi_publication'"
    ).fetchall()
    if not built:
        raise KpiDiffError("No run has built the KPIs yet. Run `steelyard run` first.")
    rows = con.execute(f"select * from {PUBLICATION} where kpi_id = ?", [kpi])
    names = [column[0] for column in rows.description]
    found = rows.fetchall()
    if not found:
        raise KpiDiffError(f"No run has built {kpi} yet. Run `steelyard run` first.")
    return dict(zip(names, found[0], strict=True))


def _published_logic(con: duckdb.DuckDBPyConnection, then: Snapshot, kpi: str) -> str | None:
    if not any(table.relation == PUBLICATION for table in then.tables):
        return None
    rows = con.execute(
        f"select logic_hash from {_parquet(then, PUBLICATION)} where kpi_id = ?", [kpi]
    ).fetchall()
    return rows[0][0] if rows else None


def _shadow(con: duckdb.DuckDBPyConnection, then: Snapshot, kpi: str) -> ShadowRun:
    same = " and ".join(f"old.{column} = new.{column}" for column in KEY)
    in_both = "count(*) filter (where old.kpi_id is not null and new.kpi_id is not null"
    counts = (
        f"{in_both}), {in_both} and old.reading_value is distinct from new.reading_value), "
        "arg_max(new.reading_value - old.reading_value, "
        "abs(new.reading_value - old.reading_value))"
    )
    old, new = (
        f"(select * from {readings} as readings where kpi_id = $kpi and not exists ("
        "select 1 from standing.locked_entities as held "
        "where held.entity_kind = readings.entity_kind and held.entity_id = readings.entity_id "
        "and readings.period_start_date >= held.first_date "
        "and readings.period_end_date <= held.last_date))"
        for readings in (_parquet(then, READINGS), READINGS)
    )
    both = f"{old} as old full outer join {new} as new on {same}"
    compared, changed, largest, only_old, only_new = con.execute(
        f"select {counts}, count(*) filter (where new.kpi_id is null), "
        f"count(*) filter (where old.kpi_id is null) from {both}",
        {"kpi": kpi},
    ).fetchall()[0]
    entities = con.execute(
        "select coalesce(old.entity_kind, new.entity_kind) as entity_kind, "
        f"coalesce(old.entity_id, new.entity_id) as entity_id, {counts} from {both} "
        "group by 1, 2 order by 1, 2",
        {"kpi": kpi},
    ).fetchall()
    as_of = con.execute("select as_of_date::varchar from ops.run_parameters").fetchall()[0][0]
    return ShadowRun(
        old_as_of=then.as_of,
        new_as_of=as_of,
        compared=compared,
        changed=changed,
        largest_change=largest,
        only_old=only_old,
        only_new=only_new,
        entities=tuple(EntityChange(*row) for row in entities if row[2]),
    )


def _parquet(snapshot: Snapshot, relation: str) -> str:
    return f"read_parquet({quote_literal(str(snapshot.file(f'{relation}.parquet')))})"

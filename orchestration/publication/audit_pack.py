"""A sample of published readings with all that an auditor needs to compute them again without us.

Drawn by strata of KPI and finality; the draw is the smallest hashes of seed and key, so whoever has
the published readings can draw it again. No row of a delivery is in it, only which files the rows
came in: what is about persons stays where it is, and so do readings of single leaders.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orchestration.ingest.landing import sha256_of, sync_folder
from orchestration.publication import recompute
from orchestration.registry.archive import archived_logic
from orchestration.registry.logic import definition_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

KEY: Final = ("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date")
READINGS, DELIVERIES, ACTS = "readings.jsonl", "deliveries.csv", "acts.jsonl"
DEFINITIONS: Final = "definitions"
PROGRAM: Final = Path(recompute.__file__)
MANIFEST, README_FILE = "manifest.json", "README.md"
DELIVERY_COLUMNS: Final = (
    *("no", "feed", "relative_path", "sha256", "delivery_date", "records", "rows_quarantined"),
    *("first_date", "last_date"),
)

README = """\
# Published readings, to be computed again

Run `python recompute.py` in this folder: it needs Python's standard library alone, and is short
enough to be read first. It checks every file against `manifest.json`, computes each reading from
its components and says what differs.

- `readings.jsonl`: a reading per line with its key, the value and parts that were published, the
  formula (`terms`), the sums of measures (`components`) and the files behind them (`deliveries`,
  numbers of `deliveries.csv`).
- `definitions/HASH.json` and `.sql`: per KPI what its figures rest on: register, measures, and the
  SQL of every model down to the deliveries. The SHA-256 of a JSON file is its name.
- `deliveries.csv`: accepted files with path, SHA-256, day, rows, first and last day they tell of.
- `acts.jsonl`: acts of people that touch a reading: overrides with their value, remarks.
- `manifest.json`: seed, size, the strata with how many readings each has, the content hash of what
  was published, and the SHA-256 of every file.

Compare the content hash with that of the snapshot that you were given earlier, and the SHA-256 of
deliveries with the files in the source systems' archive. To go below the sums, run the SQL of
`definitions` over the rows of these files, in the order in which they name each other.

A reading is the product of its factors, each a numerator over a denominator (if it has one), times
its multiplier. A numerator is the sum of coefficient times component, and of constants. Where a
measure has no component nothing was measured; it counts as nothing only if the formula says so.
Drawn were, per KPI and finality, the readings with the smallest SHA-256 of
`SEED|kpi_id|entity_kind|entity_id|period_kind|period_start_date`. Readings of leaders, of locked
periods and of withheld KPIs are not drawn: the first are about persons, the others stand from an
earlier snapshot.
"""


class AuditPackError(ValueError):
    """A pack cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class AuditPack:
    """What was written: how many readings of how many strata, and of how many in all."""

    readings: int
    strata: int
    population: int


def write_audit_pack(
    con: duckdb.DuckDBPyConnection,
    home: Path,
    folder: Path,
    *,
    content_hash: str,
    per_stratum: int = 1,
    seed: int = 1,
) -> AuditPack:
    """Write a sample of published readings and all that they are computed from.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse as the last run left it.
    home : Path
        The company's home, which keeps the definitions.
    folder : Path
        Does not exist yet; it appears when it is complete, readable by its owner alone.
    content_hash : str
        Of the snapshot that was published from this warehouse.
    per_stratum : int
        Readings per KPI and finality; a smaller stratum is taken whole.
    seed : int
        Another seed draws other readings.

    Raises
    ------
    AuditPackError
        If the folder exists, the size is none, or no reading has a value.
    ArchiveError
        If a definition is missing or damaged.
    """
    if folder.exists():
        raise AuditPackError(f"{folder} exists already: name a folder that does not.")
    if per_stratum < 1:
        raise AuditPackError(f"{per_stratum} readings per stratum are no sample: take 1 or more.")
    strata = _strata(con)
    drawn = _drawn(con, per_stratum, seed)
    if not drawn:
        raise AuditPackError(
            "Nothing that could be drawn has a value yet: run `steelyard run` with deliveries."
        )
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700, parents=True)
    deliveries = _deliveries(con)
    _write_lines(aside / ACTS, _acts(con, drawn))
    _write_definitions(con, home, aside / DEFINITIONS, sorted({one["kpi_id"] for one in drawn}))
    _write_lines(aside / READINGS, [_with_formula(con, one, deliveries) for one in drawn])
    _write_deliveries(aside / DELIVERIES, deliveries)
    shutil.copyfile(PROGRAM, aside / PROGRAM.name)
    (aside / README_FILE).write_text(README, encoding="utf-8")
    files = sorted(path for path in aside.rglob("*") if path.is_file())
    manifest = {
        "content_hash": content_hash,
        "seed": seed,
        "per_stratum": per_stratum,
        "strata": strata,
        "files": {path.relative_to(aside).as_posix(): sha256_of(path) for path in files},
    }
    (aside / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    aside.rename(folder)
    sync_folder(folder.parent)
    return AuditPack(len(drawn), len(strata), sum(one["readings"] for one in strata))


def draw_hash(seed: int, key: Sequence[Any]) -> str:
    """Return the hash by which a reading is drawn: the smallest of each stratum are."""
    return hashlib.sha256("|".join(map(str, (seed, *key))).encode()).hexdigest()


_POPULATION: Final = """
    from kpi.fct_published_readings as readings
    inner join registry.kpis as kpis using (kpi_id)
    inner join core.dim_periods as periods using (period_kind, period_start_date)
    where
        readings.computed_value is not null
        and readings.reading_value is not null
        and not readings.is_locked
        and not readings.is_withheld
        and readings.entity_kind not in ('leader')
        and kpis.sensitivity <> 'restricted'
"""


def _rows(
    con: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    found = con.execute(sql, list(parameters))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _strata(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    return _rows(
        con,
        f"select kpi_id, finality, count(*) as readings {_POPULATION} group by all order by all",
    )


def _drawn(con: duckdb.DuckDBPyConnection, per_stratum: int, seed: int) -> list[dict[str, Any]]:
    return _rows(
        con,
        f"""
        with hashed as (
            select
                readings.*, kpis.multiplier, kpis.has_denominator,
                kpis.absent_numerator_is_zero, kpis.absent_denominator_is_zero,
                periods.period_label,
                sha256(concat_ws(
                    '|', ?::varchar, kpi_id, entity_kind, entity_id, readings.period_kind,
                    readings.period_start_date::varchar
                )) as draw
            {_POPULATION}
        ),
        ranked as (
            select
                *, row_number() over (partition by kpi_id, finality order by draw) as place
            from hashed
        )
        select
            kpi_id, entity_kind, entity_id, period_kind, period_start_date::varchar
                as period_start_date,
            period_end_date::varchar as period_end_date, period_label, unit,
            multiplier::varchar as multiplier,
            has_denominator, absent_numerator_is_zero, absent_denominator_is_zero,
            numerator::varchar as numerator, denominator::varchar as denominator, n,
            reading_value, computed_value, finality, trust_state, trust_reason,
            definition_version, definition_hash, override_act_seq
        from ranked
        where place <= ?
        order by kpi_id, finality, draw
        """,
        [str(seed), per_stratum],
    )


def _with_formula(
    con: duckdb.DuckDBPyConnection, reading: dict[str, Any], deliveries: list[dict[str, Any]]
) -> dict[str, Any]:
    key = {name: reading[name] for name in KEY}
    said = {name: value for name, value in reading.items() if name not in KEY}
    terms = _rows(
        con,
        "select factor, role, measure_id, coefficient::varchar as coefficient, "
        "constant::varchar as constant from registry.kpi_terms where kpi_id = ? order by all",
        [key["kpi_id"]],
    )
    components = _rows(
        con,
        "select measure_id, component_value::varchar as component_value, observations, "
        "last_delivery_date::varchar as last_delivery_date from kpi.fct_reading_components "
        "where entity_kind = ? and entity_id = ? and period_kind = ? and period_start_date = ? "
        "and measure_id in (select measure_id from registry.kpi_terms where kpi_id = ?) "
        "order by measure_id",
        [*list(key.values())[1:], key["kpi_id"]],
    )
    feeds = {
        row["feed"]
        for row in _rows(
            con,
            "select distinct feed from registry.measure_feeds where measure_id in "
            "(select measure_id from registry.kpi_terms where kpi_id = ?)",
            [key["kpi_id"]],
        )
    }
    first, last = key["period_start_date"], reading["period_end_date"]
    behind = [
        one["no"]
        for one in deliveries
        if one["feed"] in feeds
        # A file without days, as of master data, may bear on any period.
        and (one["first_date"] is None or one["first_date"] <= last)
        and (one["last_date"] is None or one["last_date"] >= first)
    ]
    # Figures as text: the digits that were published, whatever reads them.
    values = {name: repr(reading[name]) for name in ("reading_value", "computed_value")}
    return {
        "key": key,
        **said,
        **values,
        "terms": terms,
        "components": components,
        "deliveries": behind,
    }


def _deliveries(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    rows = _rows(
        con,
        "select feed, relative_path, sha256, delivery_date::varchar as delivery_date, records, "
        "rows_quarantined, first_date::varchar as first_date, last_date::varchar as last_date "
        "from ops.delivery_log where lower(action) in "
        "('accept', 'accept_with_warning', 'quarantine_rows') "
        "and feed in (select feed from registry.measure_feeds) "
        "order by feed, delivery_date, relative_path, sha256",
    )
    return [{"no": number, **row} for number, row in enumerate(rows, start=1)]


def _acts(con: duckdb.DuckDBPyConnection, drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return overrides and remarks on the drawn readings, without what was said in words."""
    wanted = {
        (one["kpi_id"], one["entity_kind"], one["entity_id"], one["period_label"]) for one in drawn
    }
    rows = _rows(
        con,
        """
        select
            touching.*, acts.recorded_at_utc::varchar as recorded_at_utc, acts.actor_id,
            acts.right_name, acts.outcome_code, acts.fate_code
        from (
            select
                act_seq, act_type, kpi_id, entity_kind, entity_id, period,
                new_value::varchar as new_value
            from governance.reg_override
            where recorded_to_utc is null
            union
            select act_seq, act_type, kpi_id, entity_kind, entity_id, period, null as new_value
            from governance.reg_annotation
            where recorded_to_utc is null
        ) as touching
        inner join governance.fct_acts as acts
            on touching.act_seq = acts.act_seq
        order by touching.act_seq
        """,
    )
    return [
        row
        for row in rows
        if (row["kpi_id"], row["entity_kind"], row["entity_id"], row["period"]) in wanted
    ]


def _write_definitions(
    con: duckdb.DuckDBPyConnection, home: Path, folder: Path, kpis: list[str]
) -> None:
    folder.mkdir()
    hashes = dict(con.execute("select kpi_id, logic_hash from registry.kpi_logic").fetchall())
    for kpi in kpis:
        logic = archived_logic(home, hashes[kpi])
        (folder / f"{logic.hash}.json").write_bytes(definition_bytes(logic.definition))
        for name, text in logic.texts.items():
            (folder / f"{name}.sql").write_text(text, encoding="utf-8")


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_deliveries(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, DELIVERY_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

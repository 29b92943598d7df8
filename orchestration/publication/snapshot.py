"""One immutable snapshot for everyone who reads, swapped in atomically.

Nothing reads the pipeline's own database: a BI tool would lock it, or be locked out by it. A
snapshot is Parquet files and one DuckDB file in an older storage version, because other tools
embed DuckDB 1.x, under a manifest of sha256 sums, because a flipped bit in Parquet is silent in
92 to 94 of 100 cases (measured). The manifest has a sum of its own beside it.

A reader of more than one file resolves the link `current` once and stays in the folder it leads
to. That folder stays whole for days after another one has become the current one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.ingest.sql import quote_identifier, quote_literal, quote_relation

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping

    import duckdb

CURRENT = "current"
SNAPSHOTS = "snapshots"
MANIFEST = "manifest.json"
# One line as `sha256sum --check` reads it.
MANIFEST_SUM = "manifest.sha256"
DATABASE = "steelyard.duckdb"
STORAGE_VERSION = "v1.4.0"
# How the name of a folder begins that is no snapshot yet, or none any more.
BUILDING = ".building-"
DAY_SECONDS = 86_400
# Of its content hash, in the name of a snapshot's folder.
HASH_DIGITS = 16

REGISTERS = (
    "acknowledgement",
    "annotation",
    "appeal",
    "appointment",
    "chart",
    "chart_rules",
    "consent",
    "definition",
    "dispute",
    "erasure",
    "feasibility",
    "goal",
    "lifecycle",
    "override",
    "ownership",
    "period_lock",
    "rating_lock",
    "rationale",
    "redundancy",
    "release",
    "signal",
    "spot_check",
    "target",
    "trial_step",
    "waiver",
)
"""What people decide, each with a mart of its truths."""

PERSONAL = frozenset({"appeal", "rationale"})
"""Those that speak of somebody's rating: not published, as long as every reader sees every file."""

PUBLISHED: dict[str, tuple[str, ...]] = {
    "core.dim_sites": ("site_id",),
    "core.dim_entities": ("entity_kind", "entity_id"),
    "core.dim_org_units": ("org_unit_id", "valid_from"),
    "core.bridge_leadership": ("leader_id", "org_unit_id", "valid_from"),
    "core.dim_people": ("employee_id",),
    "core.bridge_entity_units": ("entity_kind", "entity_id", "org_unit_id", "valid_from"),
    "core.dim_periods": ("period_kind", "period_start_date"),
    "kpi.fct_kpi_readings": (
        "kpi_id",
        "entity_kind",
        "entity_id",
        "period_kind",
        "period_start_date",
    ),
    "kpi.fct_kpi_judgements": (
        "kpi_id",
        "entity_kind",
        "entity_id",
        "period_kind",
        "period_start_date",
    ),
    "kpi.fct_kpi_comparisons": (
        "kpi_id",
        "entity_kind",
        "entity_id",
        "period_kind",
        "period_start_date",
    ),
    "kpi.fct_adjusted_readings": (
        *("kpi_id", "entity_kind", "entity_id", "period_kind"),
        *("period_start_date", "factor_id"),
    ),
    "kpi.fct_kpi_bridge": (
        "kpi_id",
        "entity_kind",
        "entity_id",
        "period_kind",
        "period_start_date",
        "comparison",
        "part",
    ),
    "kpi.fct_kpi_outlook": ("kpi_id", "entity_kind", "entity_id"),
    "kpi.fct_kpi_benchmarks": ("benchmark_id", "entity_id"),
    "kpi.fct_target_proposals": ("proposal_id",),
    "kpi.fct_goal_scores": ("goal_id", "entity_kind", "entity_id", "period_start_date"),
    "kpi.fct_trials": ("trial_id", "method_code", "part_id"),
    "kpi.fct_implementation_fidelity": ("trial_id", "line_id"),
    "kpi.fct_chart_review": ("kpi_id", "entity_kind", "entity_id", "period_kind"),
    "kpi.fct_process_capability": (
        *("site_id", "machine_id", "characteristic_id"),
        "specification_no",
    ),
    "kpi.fct_alarm_budgets": ("audience", "rule_set"),
    "kpi.rpt_signal_precision": ("kpi_id", "rule_set", "signal_rule"),
    "kpi.rpt_chart_signals": ("kpi_id", "entity_kind", "entity_id", "period_kind"),
    "kpi.fct_rebase_proposals": ("kpi_id", "entity_kind", "entity_id", "period_kind"),
    "kpi.fct_payout_simulations": ("plan_id", "plan_version", "window_months", "is_drawn_in"),
    "kpi.fct_kpi_relations": ("question", "first_kpi_id", "second_kpi_id"),
    "kpi.fct_gaming_evidence": ("check_id", "subject_id", "site_id"),
    "kpi.fct_signal_triage": (
        *("kpi_id", "entity_kind", "entity_id", "period_kind"),
        "period_start_date",
    ),
    "kpi.fct_forecast_record": ("kpi_id", "entity_kind", "entity_id", "last_month_date"),
    "kpi.fct_handovers": ("kpi_id", "question", "part_id"),
    "kpi.fct_behaviour_effects": ("behaviour_kind_code", "kpi_id", "lag_months"),
    "kpi.fct_declared_leads": ("leading_kpi_id", "lagging_kpi_id"),
    "kpi.fct_guardrails": (
        *("kpi_id", "counter_kpi_id", "entity_kind", "entity_id"),
        "period_start_date",
    ),
    "kpi.fct_handoff_delays": ("site_id", "item_id", "team_id"),
    "kpi.fct_outcome_shares": ("item_id", "rule_code", "team_id"),
    "kpi.fct_late_adjustments": (
        "kpi_id",
        "entity_kind",
        "entity_id",
        "period_kind",
        "period_start_date",
    ),
    "governance.kpi_publication": ("kpi_id",),
    "governance.fct_acts": ("act_seq",),
    "governance.fct_notices": ("act_seq", "person_id"),
    "governance.rpt_waiting_decisions": ("act_seq", "consent_position"),
    "governance.rpt_decision_bottlenecks": ("right_name",),
    "governance.rpt_open_disputes": ("subject_key",),
    "governance.rpt_set_aside": ("feed", "delivery_date", "rule_id"),
    "governance.fct_restatements": (
        *("kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date"),
        "what_code",
    ),
    "governance.rpt_goalpost_drift": ("org_unit_id",),
    "governance.rpt_target_impact": ("act_seq", "entity_kind", "entity_id"),
    "governance.rpt_target_cascade": ("kpi_id", "org_unit_id", "label_kind", "label_start_date"),
    "governance.rpt_kpi_review": ("kpi_id",),
    "governance.rpt_goal_conflicts": ("goal_id", "other_goal_id"),
    "governance.rpt_redundant_kpis": ("kpi_id", "other_kpi_id"),
    "governance.rpt_card_balance": ("template_id",),
    "governance.rpt_methods": ("question_id",),
    "governance.rpt_unanswered_questions": ("question_id", "part_id"),
    "governance.rpt_spot_checks": (
        *("kpi_id", "entity_kind", "entity_id", "period_kind"),
        "period_start_date",
    ),
    "governance.rpt_accountability": ("subject_kind", "subject_id"),
    "governance.rpt_quiz_results": ("page", "org_unit_kind"),
    "governance.rpt_appeal_rates": ("cycle_id",),
    "governance.rpt_rating_cycles": ("cycle_id",),
    **{
        f"governance.reg_{register}": ("act_seq", "valid_from")
        for register in REGISTERS
        if register not in PERSONAL
    },
    "registry.kpis": ("kpi_id",),
    "registry.kpi_terms": ("kpi_id", "factor", "role", "measure_id", "constant"),
    "registry.measures": ("measure_id",),
    "registry.pay_plan_items": ("plan_id", "plan_version", "kpi_id"),
    "registry.feeds": ("feed",),
    "registry.trials": ("trial_id",),
    "registry.trial_lines": ("trial_id", "line_id"),
    "registry.trial_steps": ("trial_id", "line_id", "step_id"),
    "scorecard.dim_card_lines": ("subject_kind", "period_kind", "period_start_date", "position"),
    "scorecard.rpt_leader_scorecard": ("leader_id", "period_start_date", "position"),
    "scorecard.rpt_site_scorecard": ("site_id", "period_start_date", "position"),
}
"""What is published, and the key that puts its rows in order."""

# What was said on which day depends on the days on which somebody asked, and not on what was
# delivered: ten days loaded at once foresee once, day by day ten times. So that both have one hash,
# these tables are published and not part of it.
OF_RUNS = frozenset({"kpi.fct_forecast_record"})

STANDS_IN: dict[str, str] = {
    "kpi.fct_kpi_readings": "kpi.fct_published_readings",
    "kpi.fct_kpi_judgements": "kpi.fct_published_judgements",
}
"""What is published under the name of another mart: its rows with those that stand in theirs."""


class SnapshotError(RuntimeError):
    """A published snapshot is missing or not what its manifest says."""


@dataclass(frozen=True)
class PublishedTable:
    """One table of a snapshot."""

    relation: str
    file: str
    rows: int
    content_hash: str
    sha256: str


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot.

    Attributes
    ----------
    folder : Path
        Where its files are.
    company, as_of : str
        Whose figures, and as of which day.
    content_hash : str
        Over the rows of all tables but `OF_RUNS`: the same inputs and as-of give the same hash.
    tables : tuple of PublishedTable
        What it holds.
    files : mapping of str to str
        The sha256 of each file, the manifest and its sum apart.
    """

    folder: Path
    company: str
    as_of: str
    content_hash: str
    tables: tuple[PublishedTable, ...]
    files: Mapping[str, str]

    def file(self, name: str) -> Path:
        """Return where a file of the snapshot is, after checking that it is what was published.

        Raises
        ------
        SnapshotError
            If it is not.
        """
        if name in verify(self, [name]):
            raise SnapshotError(
                f"{self.folder / name} is missing or not what was published: run "
                "`steelyard publish`."
            )
        return self.folder / name


def publish(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    company: str,
    as_of: dt.date,
    relations: Mapping[str, tuple[str, ...]] = PUBLISHED,
    keep_days: float,
    keep: Collection[str] = (),
) -> Snapshot:
    """Write a snapshot beside the current one and make it the current one in one step.

    Whoever calls holds the lock of the warehouse: half-built folders are those of killed runs.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse.
    folder : Path
        Holds `snapshots/` and the link `current`.
    company : str
        Whose figures.
    as_of : date
        As of which day.
    relations : mapping of str to tuple of str
        Relation to the columns of its key.
    keep_days : float
        For how long a snapshot is kept after another one has taken its place.
    keep : collection of str
        Content hashes of the snapshots that are kept for good.

    Returns
    -------
    Snapshot
        What was published. Publishing the same content again changes nothing, unless the files
        of it are damaged: then it lies in a folder with a number after its name.
    """
    snapshots = folder / SNAPSHOTS
    snapshots.mkdir(parents=True, exist_ok=True)
    for left in snapshots.glob(f"{BUILDING}*"):
        shutil.rmtree(left)
    building = Path(tempfile.mkdtemp(prefix=BUILDING, dir=snapshots))
    try:
        tables = _write_tables(con, building, relations)
        whole = hashlib.sha256(
            "\n".join(
                f"{table.relation} {table.content_hash}"
                for table in tables
                if table.relation not in OF_RUNS
            ).encode()
        ).hexdigest()
        _write_manifest(building, company, as_of.isoformat(), whole, tables)
        final, is_new = _place(snapshots, f"{as_of:%Y-%m-%d}-{whole[:HASH_DIGITS]}")
        if is_new:
            building.chmod(0o755)
            building.replace(final)
            _sync(snapshots)
        else:
            shutil.rmtree(building)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    _point_to(folder / CURRENT, final)
    _forget(snapshots, final, keep_days, keep)
    return read_snapshot(final)


def read_current(folder: Path) -> Snapshot:
    """Return the current snapshot after checking its manifest and that its files exist.

    Raises
    ------
    SnapshotError
        If nothing has been published, or something of it is missing or damaged.
    """
    link = folder / CURRENT
    if not link.is_dir():
        raise SnapshotError(
            f"Nothing has been published under {folder}. Run `steelyard run` first."
        )
    # Once: the link may lead elsewhere a moment later.
    snapshot = read_snapshot(link.resolve())
    missing = [name for name in snapshot.files if not (snapshot.folder / name).is_file()]
    if missing:
        raise SnapshotError(
            f"The snapshot {snapshot.folder.name} lacks {', '.join(missing)}: run "
            "`steelyard publish`."
        )
    return snapshot


def read_snapshot(folder: Path) -> Snapshot:
    """Return the snapshot in a folder after checking its manifest.

    Raises
    ------
    SnapshotError
        If the manifest or its sum is missing or not what was published.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
        noted = (folder / MANIFEST_SUM).read_bytes()
    except FileNotFoundError as error:
        raise SnapshotError(
            f"The snapshot {folder.name} lacks {Path(error.filename).name}: run "
            "`steelyard publish`."
        ) from error
    if noted != _sum_line(text):
        raise SnapshotError(
            f"The manifest of the snapshot {folder.name} is damaged: run `steelyard publish`."
        )
    content = json.loads(text)
    return Snapshot(
        folder=folder,
        company=content["company"],
        as_of=content["as_of"],
        content_hash=content["content_hash"],
        tables=tuple(PublishedTable(**table) for table in content["tables"]),
        files=content["files"],
    )


def verify(snapshot: Snapshot, names: Collection[str] | None = None) -> list[str]:
    """Return the names of files that are not what was published; none if all is well.

    Parameters
    ----------
    snapshot : Snapshot
        Its manifest was checked when it was read.
    names : collection of str, optional
        Only these files; default: all.
    """
    return [
        name
        for name in (snapshot.files if names is None else names)
        if not (snapshot.folder / name).is_file()
        or _sha256(snapshot.folder / name) != snapshot.files[name]
    ]


def _place(snapshots: Path, name: str) -> tuple[Path, bool]:
    """Return the folder for a snapshot, and whether it is still to be put there.

    A damaged folder is left alone, because somebody may be reading in it.
    """
    place, number = snapshots / name, 1
    while place.exists():
        try:
            if not verify(read_snapshot(place)):
                return place, False
        except SnapshotError:
            pass
        number += 1
        place = snapshots / f"{name}-{number}"
    return place, True


def _forget(snapshots: Path, current: Path, keep_days: float, keep: Collection[str]) -> None:
    """Remove snapshots that have not been the current one for so many days.

    The name of a folder begins with the as-of and the first digits of its content hash.

    A folder's own time of change says when it was last the current one: see `_point_to`. It gets
    another name first, so that half a snapshot is never seen.
    """
    oldest = time.time() - keep_days * DAY_SECONDS
    kept = {content_hash[:HASH_DIGITS] for content_hash in keep}
    for folder in snapshots.glob("????-??-??-*"):
        is_kept = folder.name.split("-")[3] in kept
        if folder != current and not is_kept and folder.stat().st_mtime < oldest:
            aside = folder.with_name(f"{BUILDING}{folder.name}")
            folder.replace(aside)
            shutil.rmtree(aside)


def _write_tables(
    con: duckdb.DuckDBPyConnection, folder: Path, relations: Mapping[str, tuple[str, ...]]
) -> list[PublishedTable]:
    """Write every relation into the database, in the order of its key, and from there as Parquet.

    So that its rows are sorted once.
    """
    from orchestration.ingest.commit import content_hash  # noqa: PLC0415

    tables = []
    con.execute(
        f"attach {quote_literal(str(folder / DATABASE))} as published "
        f"(storage_version '{STORAGE_VERSION}')"
    )
    try:
        for relation, key in relations.items():
            schema, name = relation.split(".")
            file = f"{relation}.parquet"
            rows = STANDS_IN.get(relation, relation)
            written = f"published.{quote_identifier(schema)}.{quote_identifier(name)}"
            order = ", ".join(quote_identifier(column) for column in key)
            con.execute(f"create schema if not exists published.{quote_identifier(schema)}")
            con.execute(
                f"create table {written} as select * from {quote_relation(rows)} order by {order}"
            )
            con.execute(
                f"copy {written} to {quote_literal(str(folder / file))} "
                "(format parquet, compression zstd)"
            )
            tables.append(
                PublishedTable(
                    relation=relation,
                    file=file,
                    rows=con.execute(f"select count(*) from {written}").fetchall()[0][0],
                    content_hash=content_hash(con, rows, key),
                    sha256=_sha256(folder / file),
                )
            )
        con.execute("checkpoint published")
    finally:
        con.execute("detach published")
    return tables


def _write_manifest(
    folder: Path, company: str, as_of: str, whole: str, tables: list[PublishedTable]
) -> None:
    known = {table.file: table.sha256 for table in tables}
    paths = sorted(folder.iterdir())
    content = {
        "company": company,
        "as_of": as_of,
        "content_hash": whole,
        "tables": [asdict(table) for table in tables],
        "files": {path.name: known.get(path.name) or _sha256(path) for path in paths},
    }
    text = (json.dumps(content, indent=2) + "\n").encode()
    (folder / MANIFEST).write_bytes(text)
    (folder / MANIFEST_SUM).write_bytes(_sum_line(text))
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)


def _sum_line(manifest: bytes) -> bytes:
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def _point_to(link: Path, target: Path) -> None:
    """Make a link point elsewhere without a moment in which it points nowhere."""
    aside = link.with_name(f".{link.name}.new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(Path(os.path.relpath(target, link.parent)), target_is_directory=True)
    if link.is_dir():
        # From now on it is kept for its readers, and no longer for itself.
        os.utime(link)
    aside.replace(link)
    _sync(link.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

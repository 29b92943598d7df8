"""The command line `steelyard`: what a person starts, with progress and plain sentences."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from orchestration.act_commands import act, acts_app
from orchestration.console import (
    CompanyOption,
    JsonOption,
    LandingOption,
    chosen_settings,
    console,
    failing_plainly,
    failure,
    out,
)
from orchestration.ingest.feed_check import feed_app
from orchestration.kpi_commands import kpi_app
from orchestration.ledger_commands import ledger_app
from orchestration.publication.terminal import card_view, outcome_view, plan_view
from orchestration.resources.disk import is_full_disk
from orchestration.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType

app = typer.Typer(
    name="steelyard",
    help="Figures of operations and leadership that stand up: from exports to scorecards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(feed_app, name="feed", help="Judge files against their contracts.")
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(act)
app.add_typer(acts_app, name="acts")
app.add_typer(ledger_app, name="ledger")
quality_app = typer.Typer(help="What the rules found.", no_args_is_help=True)
app.add_typer(quality_app, name="quality")
app.add_typer(kpi_app, name="kpi")

AsOfOption = Annotated[
    dt.datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day up to which deliveries are known."),
]


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=console,
    )


class _LastWord:
    """Decides what is said when a command ends.

    Great Expectations and duckdb-engine in one process make the interpreter print a page of
    "nanobind: leaked" on its way out, when everything has been said and closed. And Dagster writes
    a page on stderr for every event that a full disk keeps it from storing. So what others write
    there is held back until the end, and dropped if the disk is full. A crash still shows its
    traceback.
    """

    def __init__(self) -> None:
        self._stderr = sys.stderr
        self._held = io.StringIO()

    def __enter__(self) -> None:
        # Our own console speaks at once.
        console.file = self._stderr
        sys.stderr = self._held

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.stderr = self._stderr
        is_full = error is not None and is_full_disk(error, Settings.from_environment().home)
        if not is_full:
            sys.stderr.write(self._held.getvalue())
        elif not isinstance(error, SystemExit):
            failure(error)
        if is_full or isinstance(error, SystemExit):
            sys.stdout.flush()
            sys.stderr.flush()
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), sys.stderr.fileno())
        if is_full:
            raise SystemExit(1) from error


def main() -> None:
    """Run the command line."""
    with _LastWord():
        app()


@app.command()
def demo(
    size: Annotated[str, typer.Option(help="Preset: default or tiny.")] = "default",
    seed: Annotated[int, typer.Option(help="Another seed is another company.")] = 20_231_001,
    machine_events: Annotated[
        int | None,
        typer.Option(help="About so many machine states, 100000000 for instance; memory is flat."),
    ] = None,
    acts: Annotated[
        bool,
        typer.Option("--acts", help="After the first run: record what its people decided."),
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Make the demo company's exports, the same for the same seed."""
    if acts:
        _record_decisions(chosen_settings("demo"), seed, json_output=json_output)
        return
    from orchestration.demo import (  # noqa: PLC0415
        DEFAULT,
        TINY,
        generate,
        with_machine_events,
    )

    sizes = {"default": DEFAULT, "tiny": TINY}
    settings = chosen_settings("demo")
    if size not in sizes:
        raise failure(f"There is no size {size!r}; use one of {', '.join(sizes)}.")
    chosen = sizes[size]
    if machine_events is not None:
        try:
            chosen = with_machine_events(chosen, machine_events, seed=seed)
        except ValueError as error:
            raise failure(f"There cannot be {machine_events:,} machine events: {error}.") from error
    landing = settings.landing
    if (landing.parent / "truth.json").is_file():
        known = json.loads((landing.parent / "truth.json").read_text(encoding="utf-8"))
        wanted = json.loads(json.dumps(asdict(chosen), default=str))
        if known["seed"] == seed and known["size"] == wanted:
            console.print(f"The demo company's exports are already in {landing}.")
            return
        raise failure(
            f"{landing} holds the exports of another demo company. Remove "
            f"{settings.company_home} or set STEELYARD_HOME."
        )
    with _progress() as progress:
        task = progress.add_task("Making the demo company's exports", total=1)
        summary = generate(
            landing,
            seed=seed,
            size=chosen,
            progress=lambda what, done, total: progress.update(
                task, description=f"Making exports: {what}", completed=done, total=total
            ),
        )
    if json_output:
        out.print_json(json.dumps(asdict(summary), default=str))
    else:
        console.print(
            f"Made {summary.files:,} files, {sum(summary.rows.values()):,} rows, in {landing}. "
            f"What is planted in them: {landing.parent / 'truth.json'}"
        )


def _record_decisions(settings: Settings, seed: int, *, json_output: bool) -> None:
    from orchestration.demo.decisions import decide  # noqa: PLC0415
    from orchestration.ledger.errors import LedgerError  # noqa: PLC0415 (SQLAlchemy)
    from orchestration.ledger.office import Office  # noqa: PLC0415
    from orchestration.ledger.opening import open_ledger  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError, read_current  # noqa: PLC0415

    truth = settings.company_home / "truth_acts.json"
    try:
        snapshot = read_current(settings.published)
        ledger = open_ledger(settings)
        recorded = ledger.head().seq
        if recorded:
            console.print(f"The demo company's people have decided already: {recorded:,} acts.")
            return
        with _progress() as progress:
            progress.add_task("Recording what people decided", total=1)
            planted = decide(
                Office.of(settings, ledger),
                seed=seed,
                today=dt.date.fromisoformat(snapshot.as_of),
                snapshot=snapshot.content_hash,
            )
        ledger.anchor()
    except (LedgerError, SnapshotError) as error:
        raise failure(error) from error
    truth.write_text(json.dumps(asdict(planted), indent=2) + "\n", encoding="utf-8")
    if json_output:
        out.print_json(json.dumps(asdict(planted)))
    else:
        console.print(
            f"Recorded {sum(planted.outcomes.values()):,} acts, {len(planted.refused)} of them "
            f"refused. What is planted in them: {truth}"
        )


@app.command()
def run(
    company: CompanyOption = None,
    landing: LandingOption = None,
    as_of: AsOfOption = None,
    json_output: JsonOption = False,
) -> None:
    """Land, guard, conform, measure, judge and publish whatever is new."""
    from orchestration.run import NothingToDoError, RunFailedError, run_company  # noqa: PLC0415

    settings = chosen_settings(company, landing)
    try:
        with _progress() as progress:
            task = progress.add_task("Looking for new deliveries", total=1)
            outcome = run_company(
                settings,
                as_of=as_of.date() if as_of else None,
                report=lambda what, done, total: progress.update(
                    task, description=what, completed=done, total=total
                ),
            )
    except NothingToDoError as nothing:
        if json_output:
            out.print_json(json.dumps({"state": "nothing_new", "message": str(nothing)}))
        else:
            console.print(str(nothing))
            _next_places(settings)
        return
    except (RunFailedError, ValueError) as error:
        raise failure(error) from error
    if json_output:
        out.print_json(json.dumps(outcome.as_json()))
        return
    out.print(outcome_view(outcome))
    _next_places(settings)


@app.command()
def scorecard(
    company: CompanyOption = None,
    leader: Annotated[str | None, typer.Option(help="Id of a leader.")] = None,
    site: Annotated[str | None, typer.Option(help="Code of a site.")] = None,
    month: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m"], help="Month, as in 2026-09.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Show one published scorecard."""
    from orchestration.publication.scorecard import read_scorecard  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError, read_current  # noqa: PLC0415

    if leader and site:
        raise failure("Name a leader or a site, not both.")
    settings = chosen_settings(company)
    kind: Literal["leader", "site"] = "site" if site else "leader"
    try:
        snapshot = read_current(settings.published)
        card = read_scorecard(
            snapshot, kind, subject=site or leader, month=month.date() if month else None
        )
    except SnapshotError as error:
        raise failure(error) from error
    if json_output:
        out.print_json(json.dumps(card.as_json()))
    else:
        out.print(card_view(card, snapshot.as_of))


@app.command(name="as-of")
def as_of_command(
    day: Annotated[dt.datetime, typer.Argument(metavar="DATE", formats=["%Y-%m-%d"])],
    _what: Annotated[
        Literal["scorecard"], typer.Argument(metavar="WHAT", help="scorecard.")
    ] = "scorecard",
    company: CompanyOption = None,
    leader: Annotated[str | None, typer.Option(help="Id of a leader.")] = None,
    site: Annotated[str | None, typer.Option(help="Code of a site.")] = None,
    month: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m"], help="Month, as in 2026-09.")
    ] = None,
    known: Annotated[
        bool,
        typer.Option("--known", help="As computed today from what was known then."),
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Show a scorecard as it was reported on a past day, or as it is now known to have been."""
    from orchestration.as_of import look_back  # noqa: PLC0415
    from orchestration.publication.scorecard import read_scorecard  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError  # noqa: PLC0415
    from orchestration.resources.warehouse import WarehouseBusyError  # noqa: PLC0415
    from orchestration.run import RunFailedError  # noqa: PLC0415

    if leader and site:
        raise failure("Name a leader or a site, not both.")
    kind: Literal["leader", "site"] = "site" if site else "leader"
    try:
        with _progress() as progress:
            task = progress.add_task(f"Looking back to {day:%Y-%m-%d}", total=1)
            past = look_back(
                chosen_settings(company),
                day.date(),
                "known" if known else "reported",
                report=lambda said, done, total: progress.update(
                    task, description=said, completed=done, total=total
                ),
            )
        card = read_scorecard(
            past.snapshot, kind, subject=site or leader, month=month.date() if month else None
        )
    except (RunFailedError, SnapshotError, WarehouseBusyError) as error:
        raise failure(error) from error
    if json_output:
        seen = {
            "view": past.view,
            "as_of": past.as_of.isoformat(),
            "is_retained": past.is_retained,
            "content_hash": past.snapshot.content_hash,
        }
        out.print_json(json.dumps(seen | card.as_json()))
        return
    how = "as published" if past.is_retained else "built again from the landed files"
    by = "by the definitions of today" if known else "as it was reported"
    out.print(f"What was known on {past.as_of}, {by} ({how}).", highlight=False)
    out.print(card_view(card, past.snapshot.as_of))


@app.command()
def publish(company: CompanyOption = None, json_output: JsonOption = False) -> None:
    """Publish the marts again as they stand, if their checks have passed."""
    from orchestration.run import RunFailedError, publish_again  # noqa: PLC0415

    settings = chosen_settings(company)
    try:
        snapshot = publish_again(settings)
    except RunFailedError as error:
        raise failure(error) from error
    if json_output:
        out.print_json(
            json.dumps(
                {
                    "folder": str(snapshot.folder),
                    "as_of": snapshot.as_of,
                    "content_hash": snapshot.content_hash,
                }
            )
        )
    else:
        console.print(f"Published as of {snapshot.as_of}: {snapshot.folder}")


@quality_app.callback()
def _quality() -> None:
    """Show what the rules found."""


@quality_app.command()
def docs(company: CompanyOption = None) -> None:
    """Write what every rule last said, as pages that open without a network."""
    from orchestration.ingest.delivery_log import create_tables  # noqa: PLC0415
    from orchestration.quality.docs import write_company_docs  # noqa: PLC0415
    from orchestration.quality.marts import MART_RULES, load_mart_rules  # noqa: PLC0415
    from orchestration.resources.warehouse import Warehouse  # noqa: PLC0415

    settings = chosen_settings(company)
    warehouse = Warehouse(settings.company_home, memory_limit=settings.memory_limit)
    with warehouse.connect("write data docs") as con:
        create_tables(con)
        pages = write_company_docs(
            con, settings.company, load_mart_rules(MART_RULES), settings.data_docs
        )
    if not pages:
        raise failure("No rule has been run yet. Run `steelyard run` first.")
    console.print(f"Wrote {pages} pages: {settings.data_docs / 'index.html'}")


@app.command()
def backup(
    destination: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    company: CompanyOption = None,
) -> None:
    """Copy the whole home of a company, with a sha256 of every file, while nothing runs."""
    from orchestration.ledger.errors import LedgerError  # noqa: PLC0415
    from orchestration.ledger.export import exporter  # noqa: PLC0415
    from orchestration.resources.backup import BackupError, back_up  # noqa: PLC0415
    from orchestration.resources.warehouse import WarehouseBusyError  # noqa: PLC0415

    settings = chosen_settings(company)
    try:
        taken = back_up(
            settings.company_home,
            destination,
            company=settings.company.name,
            anchors=settings.anchors,
            signing_key=settings.signing_key,
            export_ledger=exporter(settings),
        )
    except (BackupError, LedgerError, WarehouseBusyError) as error:
        raise failure(error) from error
    console.print(
        f"Backed up {taken.files:,} files, {taken.bytes / 1024**2:,.0f} MiB, of "
        f"{taken.company} to {destination}."
    )


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="The folder of a backup.")],
    company: CompanyOption = None,
) -> None:
    """Put a backup back where no home is, after checking every file of it."""
    from orchestration.doctor import prepare_home  # noqa: PLC0415
    from orchestration.resources.backup import BackupError  # noqa: PLC0415
    from orchestration.resources.backup import restore as put_back  # noqa: PLC0415

    settings = chosen_settings(company)
    try:
        restored = put_back(
            source,
            settings.company_home,
            company=settings.company.name,
            anchors=settings.anchors,
        )
    except BackupError as error:
        raise failure(error) from error
    prepare_home(settings)
    console.print(
        f"Restored {restored.files:,} files of {restored.company} to {settings.company_home}; "
        "all are what they were."
    )


@app.command(name="audit-pack")
def audit_pack(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    per_stratum: Annotated[int, typer.Option(help="Readings per KPI and finality.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed draws other readings.")] = 1,
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Hand a sample of published readings to an auditor, to be computed again without us."""
    from orchestration.publication.audit_pack import (  # noqa: PLC0415
        AuditPackError,
        write_audit_pack,
    )
    from orchestration.publication.snapshot import SnapshotError, read_current  # noqa: PLC0415
    from orchestration.registry.archive import ArchiveError  # noqa: PLC0415
    from orchestration.resources.warehouse import Warehouse, WarehouseBusyError  # noqa: PLC0415

    with failing_plainly(AuditPackError, ArchiveError, SnapshotError, WarehouseBusyError):
        settings = chosen_settings(company)
        snapshot = read_current(settings.published)
        with Warehouse.of(settings).connect("write an audit pack") as con:
            pack = write_audit_pack(
                con,
                settings.company_home,
                folder,
                content_hash=snapshot.content_hash,
                per_stratum=per_stratum,
                seed=seed,
            )
    if json_output:
        out.print_json(json.dumps(asdict(pack)))
    else:
        out.print(
            f"{folder}: {pack.readings:,} of {pack.population:,} readings, from {pack.strata} "
            "strata. README.md says how to compute them again.",
            highlight=False,
        )


@app.command(name="dossier")
def dossier(
    cycle: Annotated[str, typer.Argument(help="Rating cycle, as in the ratings.")],
    employee: Annotated[str, typer.Argument(help="Employee id.")],
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    company: CompanyOption = None,
) -> None:
    """Write all that speaks for or against a person's rating, for promotion, pay or an appeal."""
    from orchestration.publication.dossier import DossierError, write_dossier  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError, read_current  # noqa: PLC0415
    from orchestration.resources.warehouse import Warehouse, WarehouseBusyError  # noqa: PLC0415

    with failing_plainly(DossierError, SnapshotError, WarehouseBusyError):
        settings = chosen_settings(company)
        snapshot = read_current(settings.published)
        with Warehouse.of(settings).connect("write a dossier") as con:
            said = write_dossier(
                con, folder, cycle=cycle, employee=employee, content_hash=snapshot.content_hash
            )
    out.print(f"{folder}: {said} README.md is the page to read.", highlight=False)


@app.command(name="try-plan")
def try_plan(
    plan: Annotated[Path, typer.Argument(help="A file as in pay_plans/ of the registers.")],
    pay_on_target: Annotated[
        float, typer.Option(help="Money that one participant is paid on target.", min=0)
    ] = 1.0,
    budget: Annotated[
        float | None, typer.Option(help="Money for all participants together.", min=0)
    ] = None,
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Try a pay plan on what is published: its cost, and how much of it would reward luck."""
    import pandas as pd  # noqa: PLC0415 (0.4 s of imports)

    from orchestration.publication.plan_trial import try_plan as tried  # noqa: PLC0415
    from orchestration.publication.snapshot import SnapshotError, read_current  # noqa: PLC0415
    from orchestration.registry.load import (  # noqa: PLC0415
        RegisterError,
        pay_plan_rows,
        read_entry,
    )
    from orchestration.registry.model import PayPlan  # noqa: PLC0415

    with failing_plainly(RegisterError, SnapshotError, OSError):
        settings = chosen_settings(company)
        declared = read_entry(plan, PayPlan)
        trials = tried(
            read_current(settings.published),
            pd.DataFrame(pay_plan_rows(declared)),
            pay_on_target=pay_on_target,
            budget=budget,
        )
    if json_output:
        out.print_json(json.dumps([asdict(trial) for trial in trials]))
    else:
        out.print(plan_view(declared.title, trials))


@app.command()
def verify(company: CompanyOption = None, json_output: JsonOption = False) -> None:
    """Check that every landed and published file is still what it was."""
    from orchestration.resources.warehouse import WarehouseBusyError  # noqa: PLC0415
    from orchestration.verification import verify_home  # noqa: PLC0415

    settings = chosen_settings(company)
    try:
        verified = verify_home(settings)
    except WarehouseBusyError as error:
        raise failure(error) from error
    if json_output:
        out.print_json(json.dumps(asdict(verified), default=str))
    else:
        for damage in verified.damages:
            out.print(damage.sentence, highlight=False, soft_wrap=True)
        console.print(f"{verified.files:,} files, {len(verified.damages):,} of them damaged.")
    if verified.damages:
        raise typer.Exit(1)


@app.command()
def rebuild(company: CompanyOption = None) -> None:
    """Build the warehouse anew from landed files and delivery log, and publish it."""
    from orchestration.rebuild import rebuild as build_anew  # noqa: PLC0415
    from orchestration.resources.warehouse import WarehouseBusyError  # noqa: PLC0415
    from orchestration.run import RunFailedError  # noqa: PLC0415

    settings = chosen_settings(company)
    try:
        with _progress() as progress:
            task = progress.add_task("Reading the delivery log", total=1)
            rebuilt = build_anew(
                settings,
                report=lambda what, done, total: progress.update(
                    task, description=what, completed=done, total=total
                ),
            )
    except (RunFailedError, WarehouseBusyError) as error:
        raise failure(error) from error
    same = "the same as before" if rebuilt.content_hash == rebuilt.previous_hash else "changed"
    console.print(
        f"Built anew from {rebuilt.files:,} files as of {rebuilt.as_of}; what is published is "
        f"{same}. The old warehouse is in {rebuilt.replaced}."
    )


@app.command()
def doctor(
    company: CompanyOption = None,
    landing: LandingOption = None,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="Only write .env and Dagster's configuration, for this company."
        ),
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Look at environment, contracts, zones and paths, and say what to do."""
    from orchestration.doctor import examine, prepare_home  # noqa: PLC0415

    settings = chosen_settings(company, landing)
    if prepare:
        for path in prepare_home(settings, choose=True):
            console.print(f"Wrote {path}")
        return
    findings = examine(settings)
    if json_output:
        out.print_json(json.dumps([finding.as_json() for finding in findings]))
    else:
        for finding in findings:
            mark = "[green]ok[/]" if finding.ok else "[bold red]!![/]"
            out.print(f"{mark} {finding.what}", highlight=False)
            if not finding.ok:
                out.print(f"   {finding.remedy}", highlight=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _next_places(settings: Settings) -> None:
    folder_of_tools = "" if shutil.which("steelyard") else ".venv/bin/"
    tool = f"{folder_of_tools}steelyard"
    site = next(iter(settings.company.facts.sites))
    option = choice = ""
    if settings.company.name != "demo":
        option = f" --company {settings.company_name}"
        folder = f" --landing {settings.landing_folder}" if settings.landing_folder else ""
        choice = f"  {tool} doctor{option}{folder} --prepare   lets Dagster show this company\n"
    out.print(
        f"\nWhere to look next:\n"
        f"  {tool} scorecard{option} --site {site}   the card of a site\n"
        f"  {settings.published / 'current'}   the published files (Parquet, DuckDB)\n"
        f"{choice}"
        f"  {folder_of_tools}dagster dev -w workspace.yaml   runs and lineage",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()

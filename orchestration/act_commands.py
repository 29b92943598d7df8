"""The commands `steelyard act` and `steelyard acts`: what is typed becomes a submission."""

from __future__ import annotations

import datetime as dt
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from orchestration.console import CompanyOption, JsonOption, chosen_settings, failing_plainly, out
from orchestration.ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.ledger.definitions import ActType
    from orchestration.ledger.desk import Answer, Submission
    from orchestration.ledger.office import Office
    from orchestration.ledger.store import Recorded

acts_app = typer.Typer(help="Look at what people decided.", no_args_is_help=True)
# Whoever starts a command as somebody else than this variable says must say so.
ACTOR_VARIABLE = "STEELYARD_ACTOR"
HEAD_FLAGS = {"--answers", "--valid-from", "--valid-to"}

ActorOption = Annotated[
    str | None,
    typer.Option("--actor", envvar=ACTOR_VARIABLE, help="Who acts: an employee id."),
]


def act(
    context: typer.Context,
    act_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="As target.propose; --list shows all.")
    ] = None,
    actor: ActorOption = None,
    company: CompanyOption = None,
    batch: Annotated[
        Path | None,
        typer.Option("--from", help="Acts of a .yml or .csv file: all of them or none."),
    ] = None,
    list_types: Annotated[
        bool, typer.Option("--list", help="Show all types, or what one type asks.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Decide something: an entry in the ledger, with right, reason and time.

    Fields are flags, --kpi-id KPI016; a flag may be repeated for a list. What is missing is asked
    for in a terminal. `--answers N` names the act that this one answers, `--valid-from` and
    `--valid-to` its days.
    """
    with _plain_failures():
        office = _office(company)
        if list_types:
            _show_types(office, act_type)
            return
        if batch is not None:
            from orchestration.ledger.office import read_submissions  # noqa: PLC0415

            submissions = read_submissions(batch, actor=actor)
        elif act_type is None:
            raise _UsageError("Name a type of act, or a file with --from; --list shows the types.")
        else:
            submissions = [_typed(office, act_type, actor, context.args)]
        answers = office.submit(submissions, now=lambda: dt.datetime.now(dt.UTC))
        office.ledger.anchor()
    if json_output:
        out.print_json(json.dumps([vars(answer) for answer in answers]))
    else:
        for answer in answers:
            _say(answer)
    if any(answer.outcome in {"refused", "not_recorded"} for answer in answers):
        raise typer.Exit(1)


@acts_app.command(name="list")
def list_acts(
    company: CompanyOption = None,
    act_type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only by this person.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Only effective, pending, recorded or refused.")
    ] = None,
    since: Annotated[int, typer.Option(help="Only after this number.")] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
    json_output: JsonOption = False,
) -> None:
    """List acts, oldest first."""
    from orchestration.ledger.opening import open_ledger  # noqa: PLC0415 (SQLAlchemy)

    with _plain_failures():
        entries = list(
            open_ledger(chosen_settings(company)).entries(
                act_type=act_type, actor=actor, outcome=outcome, after_seq=since, limit=limit
            )
        )
    _show_entries(entries, json_output=json_output)


@acts_app.command()
def show(
    seq: Annotated[int, typer.Argument(metavar="NUMBER", help="The number of an act.")],
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show one act with all its fields, what was said to it, and what a target would change."""
    from orchestration.ledger.office import show as look_up  # noqa: PLC0415
    from orchestration.ledger.opening import open_ledger  # noqa: PLC0415
    from orchestration.publication.decisions import target_impacts  # noqa: PLC0415
    from orchestration.publication.terminal import impact_view  # noqa: PLC0415

    with _plain_failures():
        settings = chosen_settings(company)
        entries = look_up(open_ledger(settings), seq)
        asks_for_target = _plain(entries[0]).get("act_type", "").startswith("target.")
        impacts = target_impacts(settings).get(seq, []) if asks_for_target else []
    if json_output:
        act, *answers = [_plain(entry) for entry in entries]
        said = {"impact": impacts} if asks_for_target else {}
        out.print_json(json.dumps([act | said, *answers], default=str))
        return
    for entry in entries:
        out.print_json(json.dumps(_plain(entry)))
    if asks_for_target and entries[0].payload and entries[0].payload["outcome"] != "refused":
        out.print(impact_view(impacts))


@acts_app.command()
def pending(company: CompanyOption = None, json_output: JsonOption = False) -> None:
    """Show the acts that wait for consent, oldest first, and what asked targets would change."""
    from orchestration.ledger.definitions import load_act_types  # noqa: PLC0415
    from orchestration.ledger.office import pending as waiting_acts  # noqa: PLC0415
    from orchestration.ledger.opening import open_ledger  # noqa: PLC0415
    from orchestration.publication.decisions import target_impacts  # noqa: PLC0415
    from orchestration.publication.terminal import impact_view  # noqa: PLC0415

    with _plain_failures():
        settings = chosen_settings(company)
        types = load_act_types(settings.register_folders)
        waiting = list(waiting_acts(open_ledger(settings), types))
        impacts = target_impacts(settings)
    if json_output:
        said = [
            _plain(one.act)
            | {"agreed": list(one.agreed)}
            | ({"impact": impacts[one.act.seq]} if one.act.seq in impacts else {})
            for one in waiting
        ]
        out.print_json(json.dumps(said, default=str))
        return
    for one in waiting:
        _show_entries([one.act], json_output=False)
        if one.act.seq in impacts:
            out.print(impact_view(impacts[one.act.seq]))
    if not waiting:
        out.print("There are none.")


@acts_app.command()
def notices(
    person: Annotated[
        str | None, typer.Option("--for", metavar="PERSON", help="Only those to this person.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what was acknowledged or need not be.")
    ] = False,
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show who was told of which act as of the last run, and has not acknowledged it."""
    from orchestration.publication.decisions import notices as notices_of  # noqa: PLC0415

    with _plain_failures():
        rows = notices_of(chosen_settings(company), person=person, every=every)
    if json_output:
        out.print_json(json.dumps(rows, default=str))
        return
    for row in rows:
        reminder = "  [bold]reminder due[/]" if row["is_reminder_due"] else ""
        out.print(
            f"{row['act_seq']:>6}  {row['told_since_utc']:%Y-%m-%d}  {row['person_id']:<10} "
            f"{row['act_type']}  {row['subject_key'].partition('|')[2].replace('|', ' ')}"
            f"{reminder}",
            highlight=False,
            soft_wrap=True,
        )
    if not rows:
        out.print("There are none.")


@acts_app.command()
def precedents(
    kpi: Annotated[str, typer.Argument(metavar="KPI", help="Id of a KPI.")],
    company: CompanyOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show what was ruled in disputes over a KPI: a dispute cites these."""
    from orchestration.publication.decisions import precedents as rulings_on  # noqa: PLC0415

    with _plain_failures():
        rulings = rulings_on(chosen_settings(company), kpi)
    if json_output:
        out.print_json(json.dumps(rulings, default=str))
        return
    for one in rulings:
        out.print(f"{one['act_seq']:>6}  {one['ruling']}", highlight=False, markup=False)
        out.print(f"        Principle: {one['principle']}", highlight=False, markup=False)
        if one["ordered_change"]:
            ordered = f"Ordered by {one['change_by']}: {one['ordered_change']}"
            out.print(f"        {ordered}", highlight=False, markup=False)
    if not rulings:
        out.print("There are none.")


class _UsageError(ValueError):
    """What was typed cannot be understood."""


@contextmanager
def _plain_failures() -> Iterator[None]:
    """Turn what can go wrong into one sentence and exit code 1."""
    from orchestration.publication.snapshot import SnapshotError  # noqa: PLC0415

    with failing_plainly(LedgerError, SnapshotError, ValueError):
        yield


def _office(company: str | None) -> Office:
    from orchestration.ledger.office import Office  # noqa: PLC0415
    from orchestration.ledger.opening import open_ledger  # noqa: PLC0415

    settings = chosen_settings(company)
    return Office.of(settings, open_ledger(settings))


def _typed(office: Office, act_type: str, actor: str | None, arguments: list[str]) -> Submission:
    """Return the act that flags describe; in a terminal the rest is asked for."""
    from orchestration.ledger.desk import Submission  # noqa: PLC0415

    given = _flags(arguments)
    heads = {name: given.pop(name[2:].replace("-", "_"), None) for name in HEAD_FLAGS}
    kind = office.rulebook.types.find(act_type)
    if kind is not None and sys.stdin.isatty():
        _ask_for_rest(office, kind, given, heads)
        actor = actor or typer.prompt("Who acts (employee id)?")
    answers = heads["--answers"]
    if answers is not None and not answers[-1].isdecimal():
        raise _UsageError(f"--answers takes the number of an act, not {answers[-1]!r}.")
    return Submission(
        act_type=act_type,
        actor=actor or "",
        fields={name: values if len(values) > 1 else values[0] for name, values in given.items()},
        refers_to=int(answers[-1]) if answers else None,
        valid_from=_day("--valid-from", heads["--valid-from"]),
        valid_to=_day("--valid-to", heads["--valid-to"]),
    )


def _flags(arguments: list[str]) -> dict[str, list[str]]:
    """Return `--kpi-id KPI016 --evidence a --evidence b` as lists by field."""
    given: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest:
        flag, _, value = rest.pop(0).partition("=")
        if not flag.startswith("--"):
            raise _UsageError(f"{flag!r} stands alone: write --field VALUE.")
        if not value:
            if not rest:
                raise _UsageError(f"{flag} has no value: write {flag} VALUE.")
            value = rest.pop(0)
        given.setdefault(flag[2:].replace("-", "_"), []).append(value)
    return given


def _ask_for_rest(
    office: Office,
    kind: ActType,
    given: dict[str, list[str]],
    heads: dict[str, list[str] | None],
) -> None:
    if kind.follows and not heads["--answers"]:
        heads["--answers"] = [
            typer.prompt(f"Which act does it answer ({', '.join(kind.follows)})?")
        ]
    for name in kind.asks:
        if name not in given:
            asked = office.rulebook.types.asked(kind, name)
            choices = f" [{', '.join(asked.values)}]" if asked.values else ""
            given[name] = [typer.prompt(f"{asked.question}{choices}")]


def _day(flag: str, values: list[str] | None) -> dt.date | None:
    if not values:
        return None
    try:
        return dt.date.fromisoformat(values[-1])
    except ValueError as error:
        raise _UsageError(f"{flag} takes a day like 2026-03-31, not {values[-1]!r}.") from error


def _show_types(office: Office, act_type: str | None) -> None:
    if act_type is None:
        table = Table("Type", "What it does", "Right", box=None, header_style="bold")
        for kind in office.rulebook.types:
            table.add_row(kind.type, kind.title, kind.right)
        out.print(table)
        return
    kind = office.rulebook.types.find(act_type)
    if kind is None:
        raise _UsageError(f"There is no act {act_type!r}: --list alone shows them all.")
    out.print(f"{kind.title}. {kind.meaning}", highlight=False)
    table = Table("Flag", "", "Question", box=None, header_style="bold")
    for name in kind.fields:
        asked = office.rulebook.types.asked(kind, name)
        need = "must" if name in kind.asks else "may"
        table.add_row(f"--{name.replace('_', '-')}", need, asked.question)
    out.print(table)


def _say(answer: Answer) -> None:
    style = {"refused": "bold red", "not_recorded": "yellow"}.get(answer.outcome, "green")
    out.print(f"[{style}]{answer.outcome}[/] {answer.sentence}", highlight=False)
    if answer.notify and answer.outcome != "refused":
        out.print(f"To be told: {', '.join(answer.notify)}.", highlight=False)


def _plain(entry: Recorded) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "recorded_at": entry.recorded_at.isoformat(),
        "entry_hash": entry.entry_hash,
        **(dict(entry.payload) if entry.payload is not None else {"outcome": "erased"}),
    }


def _show_entries(entries: list[Recorded], *, json_output: bool) -> None:
    if json_output:
        out.print_json(json.dumps([_plain(entry) for entry in entries]))
        return
    for entry in entries:
        said = _plain(entry)
        refers = f" of {said['refers_to']}" if said.get("refers_to") else ""
        about = str(said.get("subject", "")).partition("|")[2].replace("|", " ")
        out.print(
            f"{entry.seq:>6}  {entry.recorded_at:%Y-%m-%d %H:%M}  {said.get('actor', ''):<10} "
            f"{said.get('act_type', '')}{refers}  {about}  [bold]{said['outcome']}[/]",
            highlight=False,
            soft_wrap=True,
        )
        if said.get("refusal"):
            out.print(f"        {said['refusal']}", highlight=False, markup=False, soft_wrap=True)
    if not entries:
        out.print("There are none.")

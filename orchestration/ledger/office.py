"""What a person or the app does with acts: hand in, look up, see what waits; for one company."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from orchestration.ledger.definitions import APPROVE, load_act_types
from orchestration.ledger.desk import Answer, Submission
from orchestration.ledger.facts import Facts, read_facts
from orchestration.ledger.fates import fates
from orchestration.ledger.fields import Rulebook
from orchestration.ledger.recording import record
from orchestration.ledger.store import LedgerError
from orchestration.registry.load import load_registers
from orchestration.registry.rights import load_decision_rights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestration.ledger.definitions import ActTypes
    from orchestration.ledger.store import Ledger, Recorded
    from orchestration.settings import Settings

# What a batch file may say of an act beside its fields.
HEAD_COLUMNS = ("type", "actor", "answers", "valid_from", "valid_to")
# Between several answers to one question in a CSV file.
LIST_SEPARATOR = ";"


class SubmissionError(ValueError):
    """A batch file cannot be read; the message says where and what to do."""


@dataclass(frozen=True)
class Waiting:
    """A pending act: since when it waits and what its definition says about consent."""

    act: Recorded
    agreed: tuple[str, ...]


@dataclass(frozen=True)
class Office:
    """One company's ledger with all that acts are judged by."""

    ledger: Ledger
    rulebook: Rulebook
    facts: Facts

    @classmethod
    def of(cls, settings: Settings, ledger: Ledger) -> Office:
        """Return the office of a company: its registers and what it has published.

        Raises
        ------
        RegisterError
            If a register is wrong.
        SnapshotError
            If the published snapshot is damaged.
        """
        folders = settings.register_folders
        return cls(
            ledger=ledger,
            rulebook=Rulebook(load_act_types(folders), load_decision_rights(folders)),
            facts=read_facts(settings, load_registers(folders)),
        )

    def submit(
        self, submissions: Sequence[Submission], *, now: Callable[[], dt.datetime]
    ) -> list[Answer]:
        """Record acts: all of them, or the refusals alone."""
        return record(self.ledger, self.rulebook, self.facts, submissions, now=now)


def pending(ledger: Ledger, types: ActTypes) -> Iterator[Waiting]:
    """Yield the acts that wait for consent, oldest first."""
    waits = [seq for seq, fate in fates(ledger.entries(), types).items() if fate is None]
    for seq in waits:
        act = ledger.entry(seq)
        agreed = ledger.entries(refers_to=seq, act_type=APPROVE, outcome="recorded")
        if act is not None:
            yield Waiting(act, tuple(one.payload["actor"] for one in agreed if one.payload))


def read_submissions(path: Path, *, actor: str | None) -> list[Submission]:
    """Return the acts that a file holds: a YAML list of mappings, or CSV with a header.

    Every act names its `type`, may name `actor`, `answers` (the number of the act it answers),
    `valid_from` and `valid_to`; all other keys or columns are its fields. An empty cell is a field
    that is not given; several answers in one cell stand between semicolons.

    Parameters
    ----------
    path : Path
        The file, by its ending `.yml`, `.yaml` or `.csv`.
    actor : str, optional
        Who acts where the file does not say.

    Raises
    ------
    SubmissionError
        If the file is missing or cannot be read that way: where and why.
    """
    try:
        if path.suffix.lower() in {".yml", ".yaml"}:
            rows = yaml.safe_load(path.read_text(encoding="utf-8"))
        elif path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [_csv_row(row) for row in csv.DictReader(file, strict=True)]
        else:
            raise SubmissionError(f"{path}: name a file that ends in .yml or .csv.")
    except FileNotFoundError as error:
        raise SubmissionError(f"{path}: the file does not exist; check the path.") from error
    except (yaml.YAMLError, csv.Error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SubmissionError(
            f"{path}: the file is not readable ({reason}); correct it."
        ) from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise SubmissionError(f"{path}: it holds no list of acts; write one act per item or row.")
    return [_submission(path, number, row, actor) for number, row in enumerate(rows, start=1)]


def _csv_row(row: Mapping[str | None, Any]) -> dict[str, Any]:
    """Return the cells that are not empty; a row with more cells than the header is refused."""
    if None in row:
        raise csv.Error(f"a row has more cells than the header: {row[None]}")
    return {
        str(name): [part.strip() for part in value.split(LIST_SEPARATOR)]
        if LIST_SEPARATOR in value
        else value
        for name, value in row.items()
        if value is not None and value.strip()
    }


def _submission(path: Path, number: int, row: Mapping[str, Any], actor: str | None) -> Submission:
    where = f"{path}, act {number}"
    if not row.get("type"):
        raise SubmissionError(f"{where}: it names no type; add `type`.")
    answers = row.get("answers")
    if answers is not None and not str(answers).isdecimal():
        raise SubmissionError(f"{where}: answers must be the number of an act, not {answers!r}.")
    return Submission(
        act_type=str(row["type"]),
        actor=str(row.get("actor") or actor or ""),
        fields={str(name): value for name, value in row.items() if name not in HEAD_COLUMNS},
        refers_to=None if answers is None else int(answers),
        valid_from=_day(where, row, "valid_from"),
        valid_to=_day(where, row, "valid_to"),
    )


def _day(where: str, row: Mapping[str, Any], name: str) -> dt.date | None:
    value = row.get(name)
    if value is None or isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError as error:
        raise SubmissionError(
            f"{where}: {name} is {value!r}; write a day as 2026-03-31."
        ) from error


def show(ledger: Ledger, seq: int) -> list[Recorded]:
    """Return an act and all that was said to it, in order.

    Raises
    ------
    LedgerError
        If there is no such act.
    """
    entry = ledger.entry(seq)
    if entry is None:
        raise LedgerError(f"There is no act {seq}; the ledger has {ledger.head().seq}.")
    return [entry, *ledger.entries(refers_to=seq)]

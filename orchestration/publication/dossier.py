"""All that is on record about one person's rating: to defend it, or to appeal against it.

Read from the warehouse, because nothing about ratings of persons is published. Whoever may run the
command on the server hands it on; the folder is readable by its owner alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

DATA, PAGE, SUMS = "dossier.json", "README.md", "SHA256SUMS"

# By part: what it is, and the rows of the person or of the cycle.
_PARTS: Final = {
    "versions": (
        "Versions of the rating",
        (
            "select cycle_id, version_no, stage_code, rating_code, rater_id, decided_at_utc, "
            "appeal_act_seq, appeal_outcome_code from governance.fct_rating_versions "
            "where employee_id = $employee order by cycle_id, version_no"
        ),
    ),
    "comparison": (
        "The rating beside what rater, unit, level and tenure have one expect",
        (
            "select cycle_id, stage_code, raw_points, normalised_points, low_points, high_points, "
            "rater_points, unit_points, covariate_points, expected_points, residual_points, "
            "residual_z, verdict, rationale_act_seq, refusal, convention, method_version "
            "from scorecard.fct_normalised_ratings where employee_id = $employee order by cycle_id"
        ),
    ),
    "rationales": (
        "Why the rating lies far from what was expected",
        (
            "select truths.act_seq, truths.actor_id, truths.cycle_id, "
            "acts.act_fields ->> 'rationale' as rationale, "
            "acts.act_fields -> 'evidence' as evidence, truths.valid_from, truths.valid_to, "
            "truths.recorded_from_utc, truths.recorded_to_utc "
            "from governance.reg_rationale as truths "
            "inner join intermediate.int_acts__effective as acts using (act_seq) "
            "where truths.employee_id = $employee order by truths.act_seq, truths.valid_from"
        ),
    ),
    "appeals": (
        "Appeals",
        (
            "select act_seq, cycle_id, state_code, rating, outcome, new_rating, reviewer_id, "
            "due_on, recorded_from_utc from governance.reg_appeal "
            "where employee_id = $employee and recorded_to_utc is null order by act_seq"
        ),
    ),
    "cycle": (
        "The cycle",
        "select * from governance.rpt_rating_cycles where cycle_id = $cycle",
    ),
}


class DossierError(ValueError):
    """A dossier cannot be made; the message says why and what to do."""


def write_dossier(
    con: duckdb.DuckDBPyConnection, folder: Path, *, cycle: str, employee: str, content_hash: str
) -> str:
    """Write what is on record about a person's ratings.

    Parameters
    ----------
    con : DuckDBPyConnection
        The warehouse as the last run left it.
    folder : Path
        Does not exist yet; it is readable by its owner alone.
    cycle, employee : str
        The cycle that it is about; earlier ones stand beside it.
    content_hash : str
        Of the snapshot that was published from this warehouse.

    Returns
    -------
    str
        What the rating is called in the comparison, in one sentence.

    Raises
    ------
    DossierError
        If the folder exists, or nobody of that id was rated in the cycle.
    """
    if folder.exists():
        raise DossierError(f"{folder} exists already: name a folder that does not.")
    parts = {name: _rows(con, query, cycle, employee) for name, (_, query) in _PARTS.items()}
    own = [row for row in parts["comparison"] if row["cycle_id"] == cycle]
    if not own:
        raise DossierError(
            f"{employee} has no rating in {cycle}: look at the cycles in "
            "governance.rpt_rating_cycles, and at the id."
        )
    as_of = con.execute("select as_of_date from intermediate.int_run__parameters").fetchall()
    said = _sentence(own[0])
    data = {
        "cycle_id": cycle,
        "employee_id": employee,
        "as_of_date": str(as_of[0][0]),
        "content_hash": content_hash,
        "in_one_sentence": said,
        **parts,
    }
    files = {
        DATA: json.dumps(data, indent=1, ensure_ascii=False, default=str) + "\n",
        PAGE: _page(data),
    }
    folder.mkdir(parents=True, mode=0o700)
    sums = "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in files.items()
    )
    for name, text in (files | {SUMS: sums}).items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return said


def _rows(
    con: duckdb.DuckDBPyConnection, query: str, cycle: str, employee: str
) -> list[dict[str, Any]]:
    given = {"employee": employee} if "$employee" in query else {"cycle": cycle}
    found = con.execute(query, given)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _sentence(row: dict[str, Any]) -> str:
    if row["refusal"]:
        return f"The rating of {row['raw_points']} cannot be compared: {row['refusal']}."
    words = {
        "in_line": "in line with what was expected",
        "outlier_high": "far above what was expected",
        "outlier_low": "far below what was expected",
    }
    explained = ""
    if row["verdict"] != "in_line":
        seq = row["rationale_act_seq"]
        explained = f", explained by act {seq}" if seq else ", and nobody has explained it yet"
    return (
        f"The rating of {row['raw_points']} is {words[row['verdict']]} "
        f"({row['expected_points']:.2f}){explained}; without the rater's part and those of size, "
        f"complexity, level and tenure it is {row['normalised_points']:.2f} "
        f"({row['low_points']:.2f} to {row['high_points']:.2f})."
    )


def _page(data: dict[str, Any]) -> str:
    lines = [
        f"# Rating of {data['employee_id']} in {data['cycle_id']}",
        "",
        data["in_one_sentence"],
        "",
        (
            f"As of {data['as_of_date']}, beside the published snapshot {data['content_hash']}. "
            "What the comparison assumes is in docs/methods.md; acts are in the ledger "
            "(`steelyard acts show NUMBER`). `sha256sum --check SHA256SUMS` says whether a file "
            "here was changed."
        ),
    ]
    for name, (title, _) in _PARTS.items():
        lines += ["", f"## {title}", ""]
        rows = data[name]
        if not rows:
            lines.append("None.")
            continue
        lines.append("| " + " | ".join(rows[0]) + " |")
        lines.append("|" + "---|" * len(rows[0]))
        lines += ["| " + " | ".join(_cell(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")

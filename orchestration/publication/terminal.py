"""How a card and a run look in a terminal: 80 columns are enough, and no statistics are needed.

Nothing is computed here; the words stand for the codes of `orchestration.governance.verdicts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from orchestration.ingest.outcome import Outcome
    from orchestration.publication.kpi_diff import KpiDiff, ShadowRun
    from orchestration.publication.plan_trial import PlanTrial
    from orchestration.publication.scorecard import Line, Scorecard

WIDEST: Final = 100
"""Lines longer than this are hard to follow, however wide the terminal is."""

NEVER_DELIVERED: Final = "never_delivered"
# Said by `fct_kpi_judgements`, where the computation of the verdicts has failed.
NOT_JUDGED: Final = "not_judged"
MOST_PARTS: Final = 5

ABSENT: Final = "–"  # noqa: RUF001 (a hyphen would read as a minus)

_LEVELS: Final = {
    "worse_than_threshold": "none",
    "threshold": "threshold",
    "target": "target",
    "stretch": "stretch",
    "no_target": "no target",
    "not_measured": ABSENT,
    NOT_JUDGED: "not judged",
    "levels_out_of_order": "unclear",
}
_SIGNALS: Final = {
    "special_cause_improving": "yes, better",
    "special_cause_deteriorating": "yes, worse",
    "special_cause_neutral": "yes",
    "common_cause": "no",
    "not_charted": ABSENT,
}
_OUTLOOKS: Final = {
    "will_meet": "yes",
    "will_miss": "no",
    "hit_and_miss": "by chance",
    "not_assessable": ABSENT,
}
_COLOURS: Final = {"yes, better": "green", "yes, worse": "bold red"}
_LEGEND: Final = (
    "Signal: yes means that something changed and is worth asking about; no, that the figure "
    "moves as it always does. Meets target: what to expect if nothing changes; by chance means "
    "sometimes, without anyone's doing. A dash: too little history to tell."
)
_PLAN_LEGEND: Final = (
    "Luck: share of the differences in pay that chance makes. Better earns less: how often, of two "
    "who truly differ, the better one is paid less. Cliffs: share of payouts that a tenth of a "
    "reading's noise would change by a tenth of the pay on target."
)


def card_view(card: Scorecard, as_of: str) -> RenderableType:
    """Return a scorecard for a person.

    Parameters
    ----------
    card : Scorecard
        What to show.
    as_of : str
        Day up to which deliveries were known.

    Returns
    -------
    rich renderable
        The lines of the card, its score, and below them why a line could not be measured or
        must be read with care.
    """
    parts: list[RenderableType] = [
        Text(f"{card.title} of {card.subject_id}, {card.period_start:%B %Y}", style="bold")
    ]
    if card.leads:
        parts.append(Text(f"Leads {', '.join(card.leads)}."))
    table = _table()
    table.add_column("KPI", ratio=1)
    table.add_column("Value / target", justify="right", no_wrap=True)
    table.add_column("Level\nreached", no_wrap=True)
    table.add_column("Signal", no_wrap=True)
    table.add_column("Meets\ntarget", no_wrap=True)
    table.add_column("Score\nof 10", justify="right", no_wrap=True)
    for line in card.lines:
        signal = ABSENT if line.value is None else _word(_SIGNALS, line.variation)
        table.add_row(
            Text(line.kpi_name).append(f"\n{_small_print(line)}", style="dim"),
            value_and_target(line.value, line.target, line.unit, line.decimals),
            ABSENT if line.value is None else _word(_LEVELS, line.band),
            Text(signal, style=_COLOURS.get(signal, "")),
            ABSENT if line.value is None else _word(_OUTLOOKS, line.assurance),
            ABSENT if line.score is None else f"{line.score:.1f}",
        )
    parts += [Text(), table, Text(), _total(card)]
    parts += _listed(
        "Not measured, and counted for nothing:",
        [
            f"{line.kpi_name}: {line.trust_reason or _plain(line.trust_state)}"
            for line in card.lines
            if line.value is None
        ],
    )
    parts += _listed(
        "Measured but not judged, as the computation failed, and counted for nothing:",
        [
            f"{line.kpi_name}: neither level, signal nor score is known. The next run tries again."
            for line in card.lines
            if line.value is not None and line.band == NOT_JUDGED
        ],
    )
    parts += _listed(
        "To be read with care:",
        [
            f"{line.kpi_name}: {line.trust_reason}"
            for line in card.lines
            if line.value is not None and line.trust_reason
        ],
    )
    parts += _listed(
        "Changed by acts:",
        [f"{line.kpi_name}: {words}" for line in card.lines for words in _changes(line)],
    )
    parts += _listed(
        "If what was declared outside had been as usual (no score is given for it):",
        [f"{line.kpi_name}: {words}" for line in card.lines for words in _adjusted(line)],
    )
    parts += _listed("In use and approved by nobody:", _unapproved(card.lines))
    parts += [Text(), Text(_LEGEND, style="dim")]
    parts.append(Text(f"As of {as_of}, by template {card.template}.", style="dim"))
    return _Narrow(Group(*parts))


def outcome_view(outcome: Outcome) -> RenderableType:
    """Return what a run did: each feed that came, those that never did, and what was refused."""
    came = [feed for feed in outcome.feeds if feed.state != NEVER_DELIVERED]
    never = [feed.feed for feed in outcome.feeds if feed.state == NEVER_DELIVERED]
    table = _table()
    table.add_column("Feed", no_wrap=True)
    for heading in ("Files", "New rows", "Changed", "Set aside", "Refused"):
        table.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
    table.add_column("State", no_wrap=True)
    for feed in came:
        table.add_row(
            feed.feed,
            f"{feed.files:,}",
            f"{feed.rows_new:,}",
            f"{feed.rows_changed:,}",
            f"{feed.rows_quarantined:,}",
            Text(f"{feed.files_rejected:,}", style="bold red" if feed.files_rejected else ""),
            _plain(feed.state),
        )
    parts: list[RenderableType] = [
        Text(f"Deliveries up to {outcome.as_of}", style="bold"),
        Text(),
        table,
    ]
    parts += _listed("Refused, each with its cause:", outcome.messages)
    parts += _listed(
        "Not answered by the statistics; their rows are missing, and the next run asks again:",
        _unanswered(outcome),
    )
    parts += _listed("Warnings about what was published:", outcome.warnings)
    if never:
        parts += _listed(
            "Never delivered; figures that need them say so:",
            [", ".join(never)],
        )
    return _Narrow(Group(*parts))


def _unanswered(outcome: Outcome) -> Iterable[str]:
    """Return the questions without an answer, each with the first of its parts."""
    parts: dict[str, list[str]] = {}
    for one in outcome.unanswered:
        parts.setdefault(one["question_id"], []).append(one["part_id"])
    for question, of in parts.items():
        more = f" and {len(of) - MOST_PARTS:,} more" if len(of) > MOST_PARTS else ""
        yield f"{question}: {', '.join(of[:MOST_PARTS])}{more}"


def diff_view(diff: KpiDiff) -> RenderableType:
    """Return two definitions of a KPI for a person: fields, SQL, and what changes per entity."""
    approved = (
        f"approved by act {diff.approved_by_act_seq}"
        if diff.approved_by_act_seq is not None
        else "published last; no act has put the KPI under change control"
    )
    parts: list[RenderableType] = [
        Text(f"Definitions of {diff.kpi_id}", style="bold"),
        Text(f"Old: logic {diff.old_hash}, {approved}."),
        Text(f"New: logic {diff.new_hash}, in the registers and models as they are now."),
    ]
    if diff.old_hash == diff.new_hash:
        return _Narrow(Group(*parts, Text(), Text("They are the same.")))
    if diff.fields:
        table = _table()
        for heading in ("Register", "Old", "New"):
            table.add_column(heading, overflow="fold")
        for field in diff.fields:
            table.add_row(Text(field.field), Text(field.old), Text(field.new))
        parts += [Text(), table]
    for change in diff.sql:
        parts += [Text(), Text(change.diff)]
    if diff.shadow is None:
        parts += [Text(), Text("No run has built the new definition yet: run `steelyard run`.")]
    else:
        parts += _shadow_view(diff.shadow)
    return _Narrow(Group(*parts))


def _shadow_view(shadow: ShadowRun) -> list[RenderableType]:
    table = _table()
    table.add_column("Entity")
    for heading in ("Compared", "Changed", "Largest\nchange"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entity in shadow.entities:
        table.add_row(
            Text(f"{entity.entity_kind.replace('_', ' ')} {entity.entity_id}"),
            f"{entity.compared:,}",
            f"{entity.changed:,}",
            _change(entity.largest_change),
        )
    said = (
        f"Of {shadow.compared:,} readings that both have, the new definition changes "
        f"{shadow.changed:,}, by up to {_change(shadow.largest_change)}; {shadow.only_old:,} are "
        f"only under the old one, {shadow.only_new:,} only under the new one."
    )
    knew = (
        f"Both know what was delivered up to {shadow.new_as_of}."
        if shadow.old_as_of == shadow.new_as_of
        else f"Old figures as of {shadow.old_as_of}, new ones as of {shadow.new_as_of}: what was "
        "delivered between them changes figures too."
    )
    return [Text(), table, Text(), Text(said), Text(knew)]


def _change(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.6g}"


def format_value(value: float | None, unit: str, decimals: int) -> str:
    """Return a figure as people write it; ratios as per cent.

    Examples
    --------
    >>> format_value(0.6543, "ratio", 1), format_value(2.5, "units_per_hour", 1)
    ('65.4 %', '2.5')
    """
    if value is None:
        return ABSENT
    if unit.startswith("ratio"):
        return f"{value * 100:,.{decimals}f} %"
    return f"{value:,.{decimals}f}"


def value_and_target(value: float | None, target: float | None, unit: str, decimals: int) -> str:
    """Return value and target in one cell, the unit once.

    Examples
    --------
    >>> value_and_target(0.0026, 0.0015, "ratio", 2)
    '0.26 / 0.15 %'
    >>> value_and_target(6.1, None, "persons", 1)
    '6.1'
    """
    shown = format_value(value, unit, decimals)
    if target is None:
        return shown
    return f"{shown.removesuffix(' %')} / {format_value(target, unit, decimals)}"


class _Narrow:
    """A renderable that takes no more columns than a reader can follow."""

    def __init__(self, inner: RenderableType) -> None:
        self.inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.inner, options.update(width=min(options.max_width, WIDEST)))


def _table() -> Table:
    return Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), expand=False
    )


def _small_print(line: Line) -> str:
    """Return what stands under a KPI's name: its weight and how sure its value is."""
    parts = [f"weight {line.weight:.0%}"]
    if line.value is not None:
        if line.n is not None:
            parts.append(f"n={line.n:,}")
        if not line.unit.startswith("ratio"):
            parts.append(_plain(line.unit))
        if line.finality != "final":
            parts.append(line.finality)
        if line.override_act_seq is not None:
            parts.append(f"computed {_in_unit(line, line.computed_value)}")
        if line.newest_cause_code is not None:
            parts.append(f"cause: {_plain(line.newest_cause_code)}")
    return ", ".join(parts)


def plan_view(title: str, trials: Sequence[PlanTrial]) -> RenderableType:
    """Return what a pay plan would cost and reward, for a person who decides on it."""
    table = _table()
    table.add_column("Paid on the mean of")
    table.add_column("Cost, 9 times in 10", justify="right", no_wrap=True)
    table.add_column("Over\nbudget", justify="right", no_wrap=True)
    table.add_column("Luck", justify="right", no_wrap=True)
    table.add_column("Better\nearns less", justify="right", no_wrap=True)
    table.add_column("Cliffs", justify="right", no_wrap=True)
    refused = []
    for trial in trials:
        months = "one month" if trial.window_months == 1 else f"{trial.window_months} months"
        if trial.refusal:
            refused.append(f"{months}: {trial.refusal}.")
            continue
        table.add_row(
            months,
            f"{trial.cost_low:,.0f} to {trial.cost_high:,.0f}",
            *(
                ABSENT if share is None else f"{share:.0%}"
                for share in (
                    trial.over_budget_odds,
                    trial.luck_share,
                    trial.better_earns_less_share,
                    trial.cliff_share,
                )
            ),
        )
    parts: list[RenderableType] = [Text(title, style="bold")]
    if len(refused) < len(trials):
        first = next(trial for trial in trials if not trial.refusal)
        parts.append(
            Text(f"{first.participant_count} participants, by {first.month_count} final months.")
        )
        parts += [Text(), table, Text(), Text(_PLAN_LEGEND, style="dim")]
    parts += _listed("Not tried:", refused)
    return _Narrow(Group(*parts))


def _changes(line: Line) -> Iterable[str]:
    """Return what acts have changed in a line, with what was there before."""
    if line.is_target_changed:
        act = f" by act {line.target_act_seq}" if line.target_act_seq else ""
        yield (
            f"target {_in_unit(line, line.target)}{act}, first agreed as "
            f"{_in_unit(line, line.original_target)}."
        )
    if line.previous_value is not None:
        yield f"when the period became final its value was {_in_unit(line, line.previous_value)}."
    if line.previous_target is not None and line.previous_target != line.target:
        yield f"when the period became final its target was {_in_unit(line, line.previous_target)}."


def _adjusted(line: Line) -> Iterable[str]:
    """Return the adjusted value beside the raw one, and what is not taken out of it."""
    if line.adjusted_value is not None:
        out = [driver for driver in line.outside if driver.verdict == "taken_out"]
        names = ", ".join(driver.factor_id for driver in out)
        yield (
            f"{_in_unit(line, line.adjusted_value)} "
            f"({_in_unit(line, line.adjusted_low)} to {_in_unit(line, line.adjusted_high)}) "
            f"instead of {_in_unit(line, line.computed_value)}; {names} taken out, "
            f"model {out[0].model_version}."
        )
    for driver in line.outside:
        if driver.verdict == "taken_out":
            continue
        why = (
            "its effect cannot be told from nil"
            if driver.verdict == "no_evidence"
            else f"it is {_plain(driver.role_code)}"
        )
        yield (
            f"{_in_unit(line, driver.value)} "
            f"({_in_unit(line, driver.low)} to {_in_unit(line, driver.high)}) without "
            f"{driver.factor_id}, not taken out: {why}."
        )


def _unapproved(lines: Iterable[Line]) -> Iterable[str]:
    """Return which KPIs of a card nobody approved, and from when on that takes them off cards."""
    unapproved = [one for one in lines if one.lifecycle_state in {"grandfathered", "unapproved"}]
    for line in unapproved:
        if line.approval_due is not None:
            yield (
                f"{line.kpi_name}: something hangs on it for people from {line.approval_due} on; "
                "no card of a period that begins then has it, unless the board approves it "
                f"(steelyard act lifecycle.adopt --kpi-id {line.kpi_id})."
            )
    others = [one.kpi_name for one in unapproved if one.approval_due is None]
    if others:
        yield f"{', '.join(others)}: in use since before acts were kept."


def _in_unit(line: Line, value: float | None) -> str:
    return format_value(value, line.unit, line.decimals)


def _total(card: Scorecard) -> Text:
    if card.total_score is None:
        return Text("No line could be measured, so there is no score.")
    share = (
        "over the whole card"
        if card.measured_weight == 1
        else f"over the {card.measured_weight:.0%} of the card that was measured"
    )
    return Text.assemble(
        (f"Score {card.total_score:.1f} of 10", "bold"),
        f", {share}. 5 is the threshold, 8 the target, 10 the stretch.",
    )


def _listed(heading: str, items: Iterable[str]) -> list[RenderableType]:
    shown: list[RenderableType] = [Padding(Text(item), (0, 0, 0, 2)) for item in items]
    return [Text(), Text(heading), *shown] if shown else []


def _word(words: dict[str, str], code: str | None) -> str:
    return ABSENT if code is None else words[code]


def _plain(code: str) -> str:
    return code.replace("_", " ")


def impact_view(impacts: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return what a target would change, as rows of `rpt_target_impact` say it.

    Old beside new: levels, how many of the past months would have met them, their score, and the
    odds of what is to come.
    """
    if not impacts:
        return Padding(
            Text(
                "What it would change is not simulated: it was recorded after the last run, its "
                "period is over, it moves nothing, or the unit has no final month of the KPI."
            ),
            (0, 0, 0, 8),
        )
    parts: list[RenderableType] = []
    for row in impacts:
        months = row["month_count"]
        table = Table("", "Now", "Asked", box=None, header_style="bold", padding=(0, 2))
        for said, name, written in (
            ("Target", "target_level", _number),
            (f"Months met, of the last {months}", "met_count", str),
            ("Mean score of these months", "mean_score", _points),
            ("Score of the expected next month", "expected_score", _points),
            ("Odds of the next month", "odds_next_month", _percent),
            (f"Odds of {row['period_label']} as a whole", "odds_rest_of_period", _percent),
        ):
            old, new = row[f"old_{name}"], row[f"new_{name}"]
            if old is not None or new is not None:
                table.add_row(
                    said, *(ABSENT if level is None else written(level) for level in (old, new))
                )
        head = f"{row['kpi_id']} of {row['entity_kind']} {row['entity_id']}, if nothing changes:"
        parts += [Text(head, style="bold"), table]
        if row["refusal"]:
            parts.append(Text(f"Nothing is foreseen: {row['refusal']}."))
    return Padding(Group(*parts), (0, 0, 0, 8))


def review_view(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return what speaks for retiring KPIs, as rows of `rpt_kpi_review` say it."""
    if not rows:
        return Text("No KPI is a candidate for retirement (--all shows each with its evidence).")
    table = _table()
    for heading in ("KPI", "State", "What speaks for retiring it"):
        table.add_column(heading)
    for row in rows:
        said = {name: "never" if value is None else value for name, value in row.items()}
        reasons = [words.format(**said) for name, words in _REASONS.items() if row[name]]
        table.add_row(row["kpi_id"], row["lifecycle_state"], "; ".join(reasons) or ABSENT)
    return _Narrow(table)


_REASONS: Final = {
    "has_no_owner": "nobody answers for it",
    "has_no_reading": "last month measured: {last_month_date}",
    "is_unchanged": "no value moved in {unchanged_series_count} units",
    "is_on_no_card": "on no card",
    "has_no_target": "no target for today",
    "is_unused": "nobody opened it",
    "is_review_due": "last review: {last_reviewed_date}",
}


def _number(level: float) -> str:
    return f"{level:.6g}"


def _points(score: float) -> str:
    return f"{score:.1f}"


def _percent(share: float) -> str:
    return f"{share:.0%}"

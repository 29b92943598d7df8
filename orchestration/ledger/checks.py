"""The conditions that act definitions name under `checks`: each a question to what is known.

A check returns None, or one sentence that says what is wrong and what to do.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from orchestration.governance.feasibility import is_beyond, odds_of_level
from orchestration.governance.periods import Period, parse_period

if TYPE_CHECKING:
    from orchestration.ledger.facts import Facts
    from orchestration.registry.rights import Limits

DAYS_PER_YEAR: Final = 365.25


@dataclass(frozen=True)
class Term:
    """One appointment that was or is in force: first and last day."""

    person_id: str
    role: str
    valid_from: dt.date
    valid_to: dt.date


@dataclass(frozen=True)
class Situation:
    """An act at the moment in which it is judged.

    Attributes
    ----------
    fields : mapping
        All fields of the act, kept ones included, as they will be recorded.
    context : mapping
        The same with the fields of the act that is answered: what it is about.
    truth : mapping or None
        Fields in force for its subject on its first valid day.
    state : str
        State of its subject on that day.
    locked : callable
        Returns the label of the period that is locked for one of some units and has days in a
        range, or None.
    terms : tuple of Term
        All appointments.
    let_stand : callable
        Returns the level up to which targets of a KPI, unit and period stand against the odds, or
        None.
    """

    actor: str
    fields: Mapping[str, Any]
    context: Mapping[str, Any]
    truth: Mapping[str, Any] | None
    state: str
    valid_from: dt.date
    today: dt.date
    units: tuple[str, ...]
    facts: Facts
    limits: Limits
    locked: Callable[[tuple[str, ...], dt.date, dt.date], str | None]
    terms: tuple[Term, ...]
    let_stand: Callable[[str, str, str], str | None]

    @property
    def period(self) -> Period:
        """The period that the act is about."""
        return parse_period(self.fields["period"])

    @property
    def expires_on(self) -> dt.date:
        """The day on which the act ends at the latest."""
        return dt.date.fromisoformat(self.fields["expires_on"])


Check = Callable[[Situation], "str | None"]


def levels_in_order(situation: Situation) -> str | None:
    """Refuse levels that do not get better from threshold over target to stretch."""
    fields = situation.fields
    direction = situation.facts.kpis[fields["kpi_id"]].direction
    if direction not in {"higher", "lower"}:
        return (
            f"{fields['kpi_id']} is neither better when higher nor when lower, so no level of it "
            "is a target: set a target on a KPI that has a direction."
        )
    threshold, target, stretch = (Decimal(fields[name]) for name in _LEVELS)
    sign = 1 if direction == "higher" else -1
    if sign * threshold > sign * target:
        return (
            f"The target {target} is worse than the threshold {threshold}, as "
            f"{fields['kpi_id']} is better when {direction}: exchange or correct them."
        )
    if sign * target > sign * stretch:
        return (
            f"The stretch {stretch} is worse than the target {target}, as {fields['kpi_id']} is "
            f"better when {direction}: exchange or correct them."
        )
    return None


def goal_levels_in_order(situation: Situation) -> str | None:
    """Refuse a goal whose floor asks more than its level, or whose stretch asks less."""
    fields = situation.fields
    direction = situation.facts.kpis[fields["kpi_id"]].direction
    sign = {"higher": 1, "lower": -1}.get(direction)
    given = [name for name in ("floor", "level", "stretch") if name in fields]
    if sign is None:
        return None
    for easier, harder in itertools.pairwise(given):
        if sign * Decimal(fields[easier]) >= sign * Decimal(fields[harder]):
            return (
                f"The {harder} {fields[harder]} asks no more than the {easier} {fields[easier]}, "
                f"as {fields['kpi_id']} is better when {direction}: exchange or correct them."
            )
    return None


_LEVELS: Final = ("threshold", "target", "stretch")


def period_is_open(situation: Situation) -> str | None:
    """Refuse what would change a locked period."""
    period = situation.period
    # New levels hold from their first valid day on; a value is that of its whole period.
    first = (
        max(period.first_day, situation.valid_from)
        if "target" in situation.fields
        else period.first_day
    )
    locked = situation.locked(situation.units, first, period.last_day)
    if locked is None:
        return None
    return (
        f"The period {locked} is locked for {', '.join(situation.units)}: let it be released "
        "first (period_lock.release), or give a first valid day after it."
    )


def reading_exists(situation: Situation) -> str | None:
    """Refuse a remark or an override on a figure that was never published."""
    fields = situation.fields
    if _reading(situation) is None:
        return (
            f"There is no published {fields['kpi_id']} of {fields['entity_kind']} "
            f"{fields['entity_id']} in {fields['period']}: look at a scorecard for what there is."
        )
    return None


def reading_has_that_value(situation: Situation) -> str | None:
    """Refuse an override whose author has another value before them than the published one."""
    fields = situation.fields
    reading = _reading(situation)
    if reading is None:
        return reading_exists(situation)
    if reading.value is None:
        return (
            f"{fields['kpi_id']} of {fields['entity_id']} in {fields['period']} has no computed "
            "value that could be overridden: bring the missing input instead."
        )
    said = Decimal(fields["old_value"])
    digits = -int(said.as_tuple().exponent)
    if round(reading.value, digits) != said:
        return (
            f"The published {fields['kpi_id']} of {fields['entity_id']} in {fields['period']} is "
            f"{round(reading.value, max(digits, 6))}, not {said}: look at the figure again."
        )
    if Decimal(fields["new_value"]) == said:
        return "The new value is the old one: nothing is overridden."
    return None


def expiry_within_policy(situation: Situation) -> str | None:
    """Refuse an exception without a near end."""
    is_waiver = "rule_id" in situation.fields
    days = situation.limits.waiver_days if is_waiver else situation.limits.override_days
    last = situation.valid_from + dt.timedelta(days=days)
    if situation.expires_on < situation.valid_from:
        return f"It would expire on {situation.expires_on}, before it begins: give a later day."
    if situation.expires_on > last:
        return (
            f"It would last until {situation.expires_on}, and the policy allows {days} days, to "
            f"{last}: give an earlier day and ask again then."
        )
    return None


def hashes_are_known(situation: Situation) -> str | None:
    """Refuse the approval of a logic that is not the one at hand."""
    fields = situation.fields
    now = situation.facts.logic_hashes.get(fields["kpi_id"])
    if fields["to_hash"] != now:
        return (
            f"The logic of {fields['kpi_id']} has the hash {now or 'none'} now, not "
            f"{fields['to_hash']}: see `steelyard kpi diff {fields['kpi_id']}` and approve what "
            "it shows."
        )
    if "from_hash" in fields and situation.truth is not None:
        approved = situation.truth["to_hash"]
        if fields["from_hash"] != approved:
            return (
                f"The approved logic of {fields['kpi_id']} is {approved}, not "
                f"{fields['from_hash']}: somebody else's change came first, look at the "
                "difference again."
            )
    return None


def high_impact_is_assessed(situation: Situation) -> str | None:
    """Refuse a KPI with consequences for people whose impact nobody wrote down."""
    kpi = situation.facts.kpis[situation.fields["kpi_id"]]
    if kpi.consequences and situation.state != "assessed":
        return (
            f"{kpi.id} is linked to {' and '.join(kpi.consequences)}, and its impact has not been "
            "assessed: record lifecycle.assess first."
        )
    return None


def order_names_change_and_day(situation: Situation) -> str | None:
    """Refuse a ruling that orders a change without a day, or names a day for nothing."""
    fields = situation.fields
    change, day = fields.get("ordered_change"), fields.get("change_by")
    if (change is None) != (day is None):
        return (
            "A ruling that orders a change of the definition says both what must change "
            "(ordered_change) and by which day (change_by): give both, or neither."
        )
    if day is not None and dt.date.fromisoformat(day) < situation.today:
        return f"The change is ordered for {day}, which has passed: give a later day."
    return None


def deadline_has_not_passed(situation: Situation) -> str | None:
    """Refuse a decision after its day."""
    due = dt.date.fromisoformat(situation.fields["due_on"])
    if situation.today > due:
        return (
            f"It was due on {due}: let an HR partner give it more time (appeal.extend) and say why."
        )
    return None


def reviewer_is_independent(situation: Situation) -> str | None:
    """Refuse a reviewer who is a party, or who answers to the rater."""
    fields = situation.fields
    reviewer, rater = fields["reviewer_id"], fields["rater_id"]
    for party, role in ((fields["employee_id"], "appeals"), (rater, "gave the rating")):
        if reviewer == party:
            return f"{reviewer} {role} and cannot review it: name somebody else."
    today, facts = situation.today, situation.facts
    above = {
        unit
        for led in facts.led_by(reviewer)
        if led.valid_from <= today <= led.valid_to
        for unit in facts.units_above(led.org_unit_id, today)
    }
    over = [
        unit.org_unit_id
        for unit in facts.led_by(rater)
        if unit.valid_from <= today <= unit.valid_to and unit.org_unit_id in above
    ]
    if over:
        return (
            f"{reviewer} answers to {rater}, who gave the rating and leads {over[0]}: name "
            "somebody who does not."
        )
    return None


def auditor_is_independent(situation: Situation) -> str | None:
    """Refuse an auditor who was an employee lately, or who has audited for too long."""
    person = situation.fields["person_id"]
    facts, limits, today = situation.facts, situation.limits, situation.today
    if situation.fields["role"] != "auditor":
        return "The role must be auditor: use appointment.appoint for any other."
    if person in facts.employed:
        last = facts.employed[person][1]
        if (today - last).days < limits.auditor_cooling_years * DAYS_PER_YEAR:
            return (
                f"{person} is or was employed here until {last}, less than "
                f"{limits.auditor_cooling_years} years ago: name somebody independent."
            )
    until = dt.date.fromisoformat(situation.fields["until"])
    days = (until - situation.valid_from).days + 1
    # Terms with less than the cooling time between them are one tenure.
    begin = situation.valid_from
    for term in sorted(situation.terms, key=lambda one: one.valid_to, reverse=True):
        gap = (begin - term.valid_to).days
        if (term.person_id, term.role) == (person, "auditor") and (
            gap < limits.auditor_cooling_years * DAYS_PER_YEAR
        ):
            days += (min(term.valid_to, begin) - term.valid_from).days + 1
            begin = min(begin, term.valid_from)
    if days > limits.auditor_years * DAYS_PER_YEAR + 1:
        return (
            f"{person} would have audited for {days / DAYS_PER_YEAR:.1f} years, and the policy "
            f"allows {limits.auditor_years}: name another auditor or an earlier day."
        )
    return None


def kpis_differ(situation: Situation) -> str | None:
    """Refuse a pair that is one KPI, and to keep a KPI that is none of the pair."""
    fields = situation.fields
    pair = (fields["kpi_id"], fields["other_kpi_id"])
    if pair[0] == pair[1]:
        return f"{pair[0]} is named twice: name the two KPIs that say the same."
    kept = fields.get("kept_kpi_id", pair[0])
    if kept not in pair:
        return f"{kept} is neither {pair[0]} nor {pair[1]}: name the one of the two that stays."
    return None


def person_is_employed(situation: Situation) -> str | None:
    """Refuse somebody who is not employed on the first day."""
    person, first = situation.fields["person_id"], situation.valid_from
    if not situation.facts.is_employed(person, first):
        return f"{person} is not employed on {first}: name somebody who is."
    return None


def snapshot_is_retained(situation: Situation) -> str | None:
    """Refuse to lock figures that nobody has."""
    if situation.fields["snapshot"] not in situation.facts.snapshots:
        return (
            f"No published snapshot with the content hash {situation.fields['snapshot']} is kept: "
            "name one of `steelyard snapshots`."
        )
    return None


def snapshot_is_judged(situation: Situation) -> str | None:
    """Refuse to lock cards that lack scores because a method failed."""
    if situation.fields["snapshot"] in situation.facts.unjudged_snapshots:
        return (
            "Readings of this snapshot are not judged, as the method failed on them "
            "(`governance.rpt_unanswered_questions`): lock one that `steelyard run` publishes when "
            "the method is mended."
        )
    return None


def rows_are_quarantined(situation: Situation) -> str | None:
    """Refuse to release rows that are not there."""
    fields = situation.fields
    day = dt.date.fromisoformat(fields["delivery_date"])
    held = situation.facts.quarantined(fields["feed"], day, fields["rule_id"])
    if held != fields["rows"]:
        return (
            f"The rule {fields['rule_id']} holds {held} rows of the delivery of {fields['feed']} "
            f"on {day}, not {fields['rows']}: look at the quarantine again."
        )
    return None


def mark_is_from_0_to_100(situation: Situation) -> str | None:
    """Refuse a mark that no page gives."""
    mark = Decimal(situation.fields["mark"])
    if not 0 <= mark <= 100:  # noqa: PLR2004 - of a hundred
        return f"A mark is from 0 to 100, and {mark} is not: write what the page printed."
    return None


def outliers_are_explained(situation: Situation) -> str | None:
    """Refuse to lock ratings while an outlier among them has no confirmed rationale."""
    cycle = situation.fields["cycle_id"]
    known = situation.facts.rating_cycles.get(cycle)
    if known is None:
        return f"There are no ratings of a cycle {cycle} as of the last run: correct its name."
    if known.unexplained:
        return (
            f"{known.unexplained} of {known.outliers} outlier ratings of {cycle} lack a confirmed "
            "rationale as of the last run: let those who gave them explain (rationale.give), and "
            "run `steelyard run` before the lock."
        )
    return None


def step_is_declared(situation: Situation) -> str | None:
    """Refuse a step that no trial declares for the line."""
    fields = situation.fields
    trial, kind, line, step = (
        fields[name] for name in ("trial_id", "entity_kind", "entity_id", "step_id")
    )
    if kind != "line" or (trial, line, step) not in situation.facts.trial_steps:
        return (
            f"No trial {trial} declares a step {step} of the {kind} {line}: correct the names, "
            "which registry.trial_steps lists."
        )
    return None


def day_has_come(situation: Situation) -> str | None:
    """Refuse to say that something was done on a day to come."""
    done = dt.date.fromisoformat(situation.fields["done_on"])
    if done > situation.today:
        return f"{done} has not come: record the step on the day on which it is done, or later."
    return None


def target_is_feasible(situation: Situation) -> str | None:
    """Refuse a target that the published forecast or the capacity rules out.

    One that asks no more than the level in force, or than an override lets stand, may always be.
    """
    fields, facts = situation.fields, situation.facts
    name = "target" if "target" in fields else "level"
    kpi, unit = fields["kpi_id"], fields["org_unit_id"]
    direction, level = facts.kpis[kpi].direction, float(fields[name])
    let_stand = situation.let_stand(kpi, unit, fields["period"])
    in_force = (situation.truth or {}).get(name)
    if direction not in {"higher", "lower"} or any(
        allowed is not None and not is_beyond(level, float(allowed), direction)
        for allowed in (let_stand, in_force)
    ):
        return None
    remedy = "or let feasibility.override say what will change."
    capacity = facts.capacity.get((kpi, unit)) or facts.capacity.get((kpi, None))
    if capacity is not None and is_beyond(level, float(capacity.bound), direction):
        return (
            f"{name.capitalize()} {fields[name]} of {kpi} lies beyond the capacity bound "
            f"{capacity.bound} of {capacity.org_unit or 'all units'} "
            f"({capacity.why.rstrip('.')}): set a level within it, {remedy}"
        )
    found = facts.forecast_of(kpi, unit, situation.today)
    if found is None or facts.goals is None:
        return None
    entity, forecast = found
    odds = odds_of_level(forecast, level)
    least = float(facts.goals.least_odds)
    if odds >= least:
        return None
    said = f"{odds:.1%}" if odds >= _LEAST_SAID else f"less than {_LEAST_SAID:.1%}"
    return (
        f"By the forecast as of {forecast.last_month:%Y-%m} the odds that {entity} meets the "
        f"{name} {fields[name]} of {kpi} in the mean of the next three months are {said}, and "
        f"goal_policy.yml asks for {least:.1%} (of {forecast.tested} backtested forecasts "
        f"{forecast.held} held within their 80 % interval): set an easier level, "
        f"{forecast.even:.4g} has even odds, {remedy}"
    )


_LEAST_SAID: Final = 0.001


def _reading(situation: Situation):  # noqa: ANN202 (a PublishedReading or None)
    fields = situation.fields
    return situation.facts.find_reading(
        fields["kpi_id"], fields["entity_kind"], fields["entity_id"], situation.period
    )


CHECKS: Final[dict[str, Check]] = {
    check.__name__: check
    for check in (
        levels_in_order,
        period_is_open,
        reading_exists,
        reading_has_that_value,
        kpis_differ,
        expiry_within_policy,
        hashes_are_known,
        high_impact_is_assessed,
        order_names_change_and_day,
        deadline_has_not_passed,
        reviewer_is_independent,
        auditor_is_independent,
        person_is_employed,
        snapshot_is_retained,
        snapshot_is_judged,
        rows_are_quarantined,
        outliers_are_explained,
        mark_is_from_0_to_100,
        target_is_feasible,
        goal_levels_in_order,
        step_is_declared,
        day_has_come,
    )
}

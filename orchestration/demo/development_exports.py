"""Courses, surveys, feedback, plans and ratings as their tools write them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from orchestration.demo import text
from orchestration.demo.books import Changes, FeedBook, Snapshots
from orchestration.demo.development import (
    BEHAVIOURS,
    CARE_EFFECT,
    COMPETENCIES,
    COURSES,
    CYCLE_DAYS,
    DAY_S,
    GENDER_BIAS,
    ITEMS,
    KPIS,
    RELATION_BIAS,
    RELATIONSHIPS,
    SCALE,
    SEVERITY_REMOVED,
    SKILL_EFFECT,
    STAGES,
    Development,
    points_label,
    wave_name,
)
from orchestration.demo.privacy import FEMALE, GENDERS
from orchestration.demo.size import DAYS_PER_WEEK, weekday
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from orchestration.demo.company import Ints

STATUS = ("Not Started", "Completed", "Waived")
RELATION_WORDS = ("Self", "Manager", "Peer", "Direct Report", "Cross-functional")
LABELS = ("1 - Below", "2 - Developing", "3 - Meets", "4 - Exceeds", "5 - Outstanding")
COMMENTS = ("", "", "", "Listens, then decides", "Could delegate more")
ACTIONS = (
    "Shadow a plant manager for two weeks",
    "Lead one problem-solving event a month",
    "Hand over the daily board to the team",
    "Coach two line leaders through a changeover",
)
RATIONALES = (
    "Targets met, builds the team",
    "Good start, still learning the line",
    "Strong quarter under difficult conditions",
    "Missed two of five goals",
)
# The feedback tool exports one row in this many twice.
COPIED_EVERY = 211


def development_book(drawn: Development) -> FeedBook:
    """Return the feeds of how people are developed and rated."""
    exports = _Exports(drawn)
    training, plans, answers = drawn.training, drawn.plans, drawn.answers
    feeds: list[Changes | Snapshots] = [
        Changes(
            "hr_training_completions", (training.assigned, training.completed), exports.training
        ),
        Changes("hr_engagement_survey", (answers.closed,), exports.survey),
        Snapshots("hr_feedback_360", exports.is_feedback_day, exports.feedback),
        # Plans are exported on Mondays: what changed within a week is sent at its end.
        Changes(
            "hr_development_plans", (_sunday(plans.first), _sunday(plans.closed)), exports.plans
        ),
        Changes("hr_ratings", (drawn.ratings.at // DAY_S,), exports.ratings),
    ]
    return FeedBook(drawn.company, feeds, {"development": _planted(drawn)})


def _sunday(day: Ints) -> Ints:
    return day + DAYS_PER_WEEK - 1 - weekday(day)


def _planted(drawn: Development) -> dict[str, Any]:
    """Return what a method must find again, under the names that the feeds use."""
    company, people = drawn.company, drawn.people
    leaders = range(company.size.leaders)
    shown = {
        token(company.seed, wave_name(drawn.cycle_days[cycle], "F360"), rater): round(
            float(drawn.severity[rater]), 4
        )
        for cycle, rater in sorted(
            set(zip(drawn.feedback.cycle.tolist(), drawn.feedback.rater.tolist(), strict=True))
        )
        if drawn.cycle_days[cycle] - CYCLE_DAYS <= company.size.last_day
    }
    return {
        "leaders": {
            people.employee_id(n): {
                "care": round(float(drawn.traits.care[n]), 4),
                "skill": round(float(drawn.traits.skill[n]), 4),
                "rating_severity": round(float(drawn.manager_severity[n]), 4),
                "calibrated": bool(drawn.calibrated[n]),
            }
            for n in leaders
        },
        "engagement_per_care": CARE_EFFECT,
        "feedback_per_skill": SKILL_EFFECT,
        "team_effect": {
            unit.unit_id: round(float(effect), 4)
            for unit, effect in zip(company.units, drawn.team, strict=True)
        },
        "feedback_site_effect": {
            site.code: round(float(effect), 4)
            for site, effect in zip(company.sites, drawn.rater_team, strict=True)
        },
        "feedback_relation_effect": dict(zip(RELATIONSHIPS, RELATION_BIAS, strict=True)),
        "feedback_rater_severity": shown,
        "rating_severity_removed_by_calibration": SEVERITY_REMOVED,
        "rating_bias": {
            "site": company.sites[drawn.biased_site].code,
            "gender": GENDERS[FEMALE],
            "points": GENDER_BIAS,
        },
        "training_on_time_share": {
            site.code: float(share)
            for site, share in zip(company.sites, drawn.on_time, strict=True)
        },
    }


def token(seed: int, of: str, person: int) -> str:
    """Return what a survey or feedback tool calls a person, another in each wave and cycle."""
    return hashlib.sha256(f"{seed}/{of}/{person}".encode()).hexdigest()[:16]


class _Exports:
    def __init__(self, drawn: Development) -> None:
        self.drawn, self.company = drawn, drawn.company
        self._person = pa.array([drawn.people.employee_id(n) for n in range(drawn.people.count)])

    def training(self, rows: Ints, day: int) -> bytes:
        """Write assignments as they stand on a day, with American dates."""
        drawn = self.drawn.training
        american = "{1}/{2}/{0}"
        done = drawn.completed[rows] <= day
        waived = (drawn.waived[rows] == 1) & ~done
        course = drawn.course[rows]
        return text.delimited(
            {
                "Learner ID": text.pick(self._person, drawn.person[rows]),
                "Item ID": text.pick([one[0] for one in COURSES], course),
                "Assigned": text.days(drawn.assigned[rows], pattern=american),
                "Due": text.days(drawn.due[rows], pattern=american),
                "Completed": text.days(
                    np.where(done, drawn.completed[rows], OPEN), pattern=american
                ),
                "Status": text.pick(list(STATUS), np.select([done, waived], [1, 2], 0)),
                "Score": text.blank(text.decimal(drawn.score[rows], 2), ~done),
                "Required": text.pick(
                    ["N", "Y"], np.array([int(one[4]) for one in COURSES])[course]
                ),
                "Expires": text.days(np.where(done, drawn.expires[rows], OPEN), pattern=american),
            }
        )

    def survey(self, rows: Ints, _day: int) -> bytes:
        """Write answers in the order of their tokens, which says nothing of who gave them."""
        drawn = self.drawn.answers
        names = [wave_name(day, "ENG") for day in self.drawn.wave_days]
        tokens = self._tokens(names, drawn.wave[rows], drawn.person[rows])
        order = np.argsort(tokens, kind="stable")
        rows, count = rows[order], len(rows)
        units = [unit.unit_id for unit in self.company.units]
        content = text.delimited(
            {
                "Survey": text.pick(names, drawn.wave[rows]),
                "Response ID": pa.array(tokens[order]),
                "Team": text.pick(units, drawn.unit[rows]),
                "Question": text.pick(list(ITEMS), drawn.item[rows]),
                "Scale from": text.same(str(SCALE[0]), count),
                "Scale to": text.same(str(SCALE[1]), count),
                "Answer": text.pick(["N/A", *"012345"], drawn.score[rows] + 1),
                "Submitted": text.days(drawn.day[rows]),
            }
        )
        return b"\xef\xbb\xbf" + content

    def is_feedback_day(self, day: int) -> bool:
        """Return whether a cycle is open and the week is over."""
        open_now = any(0 <= closes - day <= CYCLE_DAYS for closes in self.drawn.cycle_days)
        return open_now and int(weekday(np.array([day]))[0]) == DAYS_PER_WEEK - 1

    def feedback(self, day: int) -> bytes | None:
        """Write the cycles of the history, or the open one, with what was handed in by a day.

        Who hands in the day after has begun: those rows have no time yet.
        """
        drawn = self.drawn.feedback
        handed_in = drawn.at // DAY_S
        rows = np.flatnonzero(handed_in <= day + 1)
        if day > self.company.size.cut:
            rows = rows[drawn.closes[rows] > self.company.size.cut]
        if not len(rows):
            return None
        # Some rows come twice, the copy behind the row.
        rows = np.repeat(rows, np.where(rows % COPIED_EVERY == COPIED_EVERY - 1, 2, 1))
        names = [wave_name(closes, "F360") for closes in self.drawn.cycle_days]
        score, count = drawn.score[rows], len(rows)
        tokens = self._tokens(names, drawn.cycle[rows], drawn.rater[rows])
        columns = {
            "Cycle": text.pick(names, drawn.cycle[rows]),
            "Reviewee ID": text.pick(self._person, drawn.subject[rows]),
            "Reviewer Token": pa.array(tokens),
            "Relationship": text.pick(list(RELATION_WORDS), drawn.relation[rows]),
            "Behaviour": text.pick(list(BEHAVIOURS), drawn.behaviour[rows]),
            "Rating": text.blank(text.decimal(score * 100, 2), score == 0),
            "Scale Low": text.same(str(SCALE[0]), count),
            "Scale High": text.same(str(SCALE[1]), count),
            "Not Observed": text.pick(["No", "Yes"], (score == 0).astype(np.int64)),
            "Submitted At": text.instants(
                drawn.at[rows], np.zeros(count, np.int64), missing=handed_in[rows] > day
            ),
            "Comment": text.pick(list(COMMENTS), (rows * 31) % 97 % len(COMMENTS)),
        }
        return text.delimited(columns, quoted=tuple(columns))

    def _tokens(self, names: list[str], wave: Ints, person: Ints) -> np.ndarray[Any, Any]:
        pairs, index = np.unique(np.stack([wave, person]), axis=1, return_inverse=True)
        made = [token(self.company.seed, names[w], p) for w, p in pairs.T.tolist()]
        return np.array(made)[index]

    def plans(self, rows: Ints, day: int) -> bytes:
        """Write actions of plans as they stand on a day."""
        drawn = self.drawn.plans
        closed = drawn.closed[rows] <= day
        status = np.where(closed, np.where(drawn.cancelled[rows] == 1, 2, 1), 0)
        gap = text.join("F360/", text.pick(list(BEHAVIOURS), drawn.gap[rows]))
        return text.json_report(
            {
                "idp_id": text.join("IDP-", text.whole(rows + 1, width=5)),
                "employee_id": text.pick(self._person, drawn.person[rows]),
                "competency_id": text.pick(list(COMPETENCIES), drawn.competency[rows]),
                "linked_kpi_id": text.pick(list(KPIS), drawn.kpi[rows]),
                "gap_ref": text.blank(gap, drawn.kpi[rows] >= 0),
                "action": text.pick(list(ACTIONS), drawn.words[rows]),
                "start_date": text.days(drawn.first[rows]),
                "due_date": text.days(drawn.due[rows]),
                "closed_date": text.days(np.where(closed, drawn.closed[rows], OPEN)),
                "status": text.pick(["open", "done", "cancelled"], status),
                "stretch": text.pick(["0", "1"], drawn.stretch[rows]),
            }
        )

    def ratings(self, rows: Ints, _day: int) -> bytes:
        """Write stages of ratings."""
        drawn = self.drawn.ratings
        names = [wave_name(day, "R") for day in self.drawn.rating_days]
        return text.json_report(
            {
                "cycle_id": text.pick(names, drawn.cycle[rows]),
                "employee_id": text.pick(self._person, drawn.person[rows]),
                "version": text.whole(drawn.stage[rows] + 1),
                "stage": text.pick(list(STAGES), drawn.stage[rows]),
                "rating": text.pick(list(LABELS), points_label(drawn.points[rows])),
                "rating_num": text.decimal(drawn.points[rows], 2),
                "rater_id": text.pick(self._person, drawn.rater[rows]),
                "decided_ts": text.instants(drawn.at[rows], np.zeros(len(rows), np.int64)),
                "rationale": text.pick(list(RATIONALES), drawn.words[rows]),
            }
        )

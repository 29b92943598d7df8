"""How people are developed and rated: courses, surveys, feedback, plans, ratings.

What is planted here can be told apart only by method: a severe rater from a weak leader, a good
team from a good leader, a group that one site rates lower. Nothing here knows how a file looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.privacy import FEMALE
from orchestration.demo.size import day_of, random, table
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestration.demo.company import Company, Floats, Ints
    from orchestration.demo.people import People
    from orchestration.demo.privacy import Demographics

DAY_S = 86_400
DAYS_PER_YEAR = 365
SCALE = (1, 5)

# Care for people goes with plan adherence at a correlation of 0.5, skill as a leader with care.
CARE_OF_HABIT, SKILL_OF_CARE = 0.5, 0.5

# Course, of whom it is asked, days until due (-1: never), days it counts, whether it must be done.
COURSES = (
    ("SAFE-101", "all", 30, 365, True),
    ("LOTO-130", "line", 30, 365, True),
    ("QUAL-110", "line", 45, 730, True),
    ("DATA-120", "leader", 60, -1, True),
    ("COACH-200", "leader", -1, -1, False),
)
ON_TIME_RANGE = (0.74, 0.95)
WAIVED_SHARE = 0.01
RENEWED_BEFORE = 30  # days before a certificate expires

ITEMS = tuple(f"ENG{number:02d}" for number in range(1, 9))
WAVE_DAYS, WAVE_EVERY, WAVE_IN_HISTORY, WAVE_IN_DAILY = 10, 182, 45, 13
ANSWERS_SHARE, BLANK_SHARE = 0.72, 0.03
CARE_EFFECT, TEAM_SD, RESPONDENT_SD, ANSWER_SD = 0.30, 0.20, 0.60, 0.70
ENGAGEMENT_LEVEL = 3.5

BEHAVIOURS = tuple(f"B{number}" for number in range(1, 7))
RELATIONSHIPS = ("self", "manager", "peer", "direct_report", "cross_functional")
SELF, MANAGER, PEER, REPORT, CROSS = range(5)
RELATION_BIAS = (0.35, 0.0, 0.10, 0.0, 0.05)
PEERS, REPORTS, CROSSES = 4, 5, 2
CYCLE_DAYS, CYCLE_EVERY, CYCLE_IN_HISTORY, CYCLE_IN_DAILY = 30, 365, 70, 20
SKILL_EFFECT, SEVERITY_SD, RATER_TEAM_SD, SCORE_SD = 0.45, 0.40, 0.15, 0.50
FEEDBACK_LEVEL, NOT_OBSERVED_SHARE = 3.5, 0.05

COMPETENCIES = ("COACHING", "DELEGATION", "PROBLEM_SOLVING", "CHANGE", "SAFETY_LEADERSHIP")
KPIS = ("KPI006", "KPI016", "KPI037", "KPI039", "KPI062")
PLAN_EVERY = 182
PLAN_SHARE, STRETCH_SHARE, CANCELLED_SHARE, LINKED_SHARE = 0.8, 0.2, 0.1, 0.6

RATING_IN_HISTORY, RATING_IN_DAILY = 75, 8
# Days after the proposal, by stage; the last one only for those who appeal.
STAGES = ("proposed", "calibrated", "final", "appealed")
STAGE_DAYS = (0, 20, 35, 50)
TALENT_SD, MANAGER_SEVERITY_SD, RATING_SD, RATING_LEVEL = 0.55, 0.35, 0.15, 3.1
CALIBRATED_MANAGERS, SEVERITY_REMOVED, APPEAL_SHARE = 0.6, 0.7, 0.02
BIASED_SITE, GENDER_BIAS = 1, -0.25


@dataclass(frozen=True)
class Traits:
    """What a leader is like with people, by leader number."""

    care: Floats
    skill: Floats


@dataclass(frozen=True)
class Training:
    """One row per assignment of a course; `completed` is OPEN where it was not, or not yet."""

    person: Ints
    course: Ints
    assigned: Ints
    due: Ints
    completed: Ints
    waived: Ints
    score: Ints  # hundredths of a percent
    expires: Ints


@dataclass(frozen=True)
class Answers:
    """One row per respondent and item; score -1 where nothing was answered."""

    wave: Ints
    person: Ints
    unit: Ints
    item: Ints
    score: Ints
    day: Ints
    closed: Ints


@dataclass(frozen=True)
class Feedback:
    """One row per subject, rater and behaviour; score 0 where it was not observed."""

    cycle: Ints
    subject: Ints
    rater: Ints
    relation: Ints
    behaviour: Ints
    score: Ints
    at: Ints
    closes: Ints


@dataclass(frozen=True)
class Plans:
    """One row per action of a development plan."""

    person: Ints
    competency: Ints
    kpi: Ints
    gap: Ints
    words: Ints
    first: Ints
    due: Ints
    closed: Ints
    cancelled: Ints
    stretch: Ints


@dataclass(frozen=True)
class Ratings:
    """One row per cycle, person and stage; `points` in hundredths."""

    cycle: Ints
    person: Ints
    stage: Ints
    points: Ints
    rater: Ints
    at: Ints
    words: Ints


class Development:
    """All models of this subject, drawn once."""

    def __init__(self, company: Company, people: People, stated: Demographics) -> None:
        self.company, self.people = company, people
        size = company.size
        rng = random(company.seed, "development traits")
        habit = (np.log(company.leader_adherence / (1 - company.leader_adherence)) - 1.6) / 0.8
        z_care, z_skill = rng.standard_normal((2, size.leaders))
        care = CARE_OF_HABIT * habit + np.sqrt(1 - CARE_OF_HABIT**2) * z_care
        skill = SKILL_OF_CARE * care + np.sqrt(1 - SKILL_OF_CARE**2) * z_skill
        self.traits = Traits(care, skill)
        self.team = rng.normal(0, TEAM_SD, len(company.units))
        self.rater_team = rng.normal(0, RATER_TEAM_SD, size.plants)
        self.severity = rng.normal(0, SEVERITY_SD, people.count)
        self.manager_severity = rng.normal(0, MANAGER_SEVERITY_SD, size.leaders)
        self.on_time = np.round(rng.uniform(*ON_TIME_RANGE, size.plants), 4)
        self.biased_site = BIASED_SITE % size.plants
        self.calibrated = rng.random(size.leaders) < CALIBRATED_MANAGERS
        self.training = self._train()
        self.wave_days = _every(size.cut - WAVE_IN_HISTORY, WAVE_EVERY, size.first_day + WAVE_DAYS)
        self.wave_days += [size.cut + WAVE_IN_DAILY]
        self.answers = self._survey()
        self.cycle_days = _every(size.cut - CYCLE_IN_HISTORY, CYCLE_EVERY, size.first_day + 10)
        self.cycle_days += [size.cut + CYCLE_IN_DAILY]
        self.feedback = self._feedback()
        self.plans = self._plan()
        self.rating_days = _every(size.cut - RATING_IN_HISTORY, DAYS_PER_YEAR, size.first_day)
        self.rating_days += [size.cut + RATING_IN_DAILY]
        self.ratings = self._rate(stated)

    def present(self, day: int) -> list[tuple[int, int]]:
        """Return person and unit of everybody at work on a day, contingent workers left out."""
        hired = {
            (job.person, job.hired): job for job in self.people.employments if not job.contingent
        }
        own = {job.person for job in hired.values() if job.hired <= day <= job.last}
        return sorted(
            (person, unit)
            for person, unit, first, last, _ in self.people.spells
            if first <= day <= last and person in own
        )

    def leader(self, unit: int, day: int) -> int:
        """Return who leads a unit on a day."""
        size = self.company.size
        column = min(max(day, size.first_day), size.last_day) - size.first_day
        return int(self.company.leader_of[unit, column])

    def manager(self, person: int, unit: int, day: int) -> int:
        """Return to whom a person of a unit reports; -1 at the top."""
        leader = self.leader(unit, day)
        while leader == person:
            unit = self.company.units[unit].parent
            if unit < 0:
                return -1
            leader = self.leader(unit, day)
        return leader

    # -------------------------------------------------------------------------------- courses

    def _train(self) -> Training:
        company, size = self.company, self.company.size
        rng = random(company.seed, "training")
        rows = []
        for job in self.people.employments:
            kind = company.units[job.unit].kind if job.unit >= 0 else "line"
            groups = {"all", "leader" if job.person < size.leaders else kind}
            for course, (_, asked_of, term, valid, _) in enumerate(COURSES):
                if asked_of not in groups:
                    continue
                day = max(job.hired, size.first_day - 60) + int(rng.integers(1, 90))
                while day <= min(job.last, size.last_day):
                    late, share, slack = rng.random(3).tolist()
                    span = term if term > 0 else 120
                    wait = 1 + int(share * (span - 1))
                    if late >= self.on_time[job.site]:
                        wait = span + 1 + int(-25 * np.log(1 - slack))
                    done = day + wait if day + wait <= job.last else OPEN
                    expires = done + valid if done < OPEN and valid > 0 else OPEN
                    rows.append(
                        (
                            *(job.person, course, day, day + term if term > 0 else OPEN, done),
                            int(rng.random() < WAIVED_SHARE),
                            int(np.clip(rng.normal(8_400, 900), 4_000, 10_000)),
                            expires,
                        )
                    )
                    if expires >= OPEN:
                        break
                    day = expires - RENEWED_BEFORE
        rows.sort(key=lambda row: (row[2], row[0], row[1]))
        kept = {(row[0], row[1], row[2]): row for row in rows}
        return table(Training, list(kept.values()))

    # --------------------------------------------------------------------------------- survey

    def _survey(self) -> Answers:
        rng = random(self.company.seed, "survey")
        difficulty = np.linspace(-0.35, 0.35, len(ITEMS))
        pieces = []
        for wave, closes in enumerate(self.wave_days):
            asked = self.present(min(closes, self.company.size.last_day))
            person, unit = (np.array(column) for column in zip(*asked, strict=True))
            answers = rng.random(len(person)) < ANSWERS_SHARE
            person, unit = person[answers], unit[answers]
            care = np.array(
                [self._care_above(*pair, closes) for pair in zip(person, unit, strict=True)]
            )
            shape = (len(person), len(ITEMS))
            latent = ENGAGEMENT_LEVEL + (CARE_EFFECT * care + self.team[unit])[:, None]
            latent = latent + difficulty + rng.normal(0, RESPONDENT_SD, len(person))[:, None]
            score = np.clip(np.rint(latent + rng.normal(0, ANSWER_SD, shape)), *SCALE)
            score = np.where(rng.random(shape) < BLANK_SHARE, -1, score).astype(np.int64)
            day = closes - rng.integers(0, WAVE_DAYS, len(person))
            each = len(ITEMS)
            pieces.append(
                (
                    np.full(score.size, wave),
                    np.repeat(person, each),
                    np.repeat(unit, each),
                    np.tile(np.arange(each), len(person)),
                    score.ravel(),
                    np.repeat(day, each),
                    np.full(score.size, closes),
                )
            )
        return Answers(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))

    def _care_above(self, person: int, unit: int, day: int) -> float:
        above = self.manager(person, unit, day)
        return float(self.traits.care[above]) if above >= 0 else 0.0

    # ------------------------------------------------------------------------------- feedback

    def _feedback(self) -> Feedback:
        company, size = self.company, self.company.size
        rng = random(company.seed, "feedback")
        hardness = np.linspace(-0.25, 0.25, len(BEHAVIOURS))
        rows = []
        for cycle, closes in enumerate(self.cycle_days):
            opens = closes - CYCLE_DAYS
            pairs = self._raters(rng, min(opens, size.last_day))
            # A rater hands in all at once: one moment per rater and cycle.
            hands_in: dict[int, int] = {}
            for subject, rater, relation, site in pairs:
                second = int(rng.integers(opens * DAY_S, (closes - 1) * DAY_S))
                at = hands_in.setdefault(rater, second)
                latent = FEEDBACK_LEVEL + SKILL_EFFECT * self.traits.skill[subject]
                latent += RELATION_BIAS[relation] - self.severity[rater] + self.rater_team[site]
                score = latent + hardness + rng.normal(0, SCORE_SD, len(BEHAVIOURS))
                score = np.clip(np.rint(score), *SCALE)
                seen = rng.random(len(BEHAVIOURS)) >= NOT_OBSERVED_SHARE
                rows += [
                    (cycle, subject, rater, relation, behaviour, int(value), at, closes)
                    for behaviour, value in enumerate(np.where(seen, score, 0).tolist())
                ]
        return table(Feedback, rows)

    def _raters(self, rng: np.random.Generator, day: int) -> list[tuple[int, int, int, int]]:
        """Return subject, rater, relation and the rater's site; nobody rates a subject twice."""
        units = self.company.units
        post = {}
        for number in range(len(units)):
            post.setdefault(self.leader(number, day), number)
        staff: dict[int, list[int]] = {}
        for person, unit in self.present(day):
            if person not in post:
                staff.setdefault(unit, []).append(person)
        pairs: dict[tuple[int, int], tuple[int, int]] = {}
        for subject, unit in sorted(post.items()):
            site = max(units[unit].site, 0)
            pairs[subject, subject] = (SELF, site)
            above = self.manager(subject, unit, day)
            if above >= 0:
                pairs[subject, above] = (MANAGER, max(units[post[above]].site, 0))
            alike = [p for p, u in sorted(post.items()) if units[u].kind == units[unit].kind]
            near = [p for p in alike if units[post[p]].site == units[unit].site and p != subject]
            far = [p for p in alike if units[post[p]].site != units[unit].site]
            below = [p for p, u in sorted(post.items()) if units[u].parent == unit]
            below += staff.get(unit, [])
            for pool, number, relation in (
                (below, REPORTS, REPORT),
                (near, PEERS, PEER),
                (far, CROSSES, CROSS),
            ):
                for rater in rng.permutation(pool)[:number].tolist():
                    where = max(units[post[rater]].site, 0) if rater in post else site
                    pairs.setdefault((subject, rater), (relation, where))
        return [(subject, rater, *how) for (subject, rater), how in sorted(pairs.items())]

    # ---------------------------------------------------------------------------- plans, ratings

    def _plan(self) -> Plans:
        size, rng = self.company.size, random(self.company.seed, "development plans")
        last = {job.person: job.last for job in self.people.employments}
        rows = []
        for start in [*_every(size.cut - 60, PLAN_EVERY, size.first_day), size.cut + 5]:
            for leader in range(size.leaders):
                if rng.random() >= PLAN_SHARE:
                    continue
                first = start + int(rng.integers(0, 21))
                due = first + int(rng.integers(60, 180))
                eager = 1 / (1 + np.exp(-(0.4 + 0.6 * self.traits.care[leader])))
                in_time = rng.random() < eager
                closed = (
                    due - int(rng.integers(0, 30)) if in_time else due + int(rng.integers(5, 90))
                )
                rows.append(
                    (
                        *(leader, rng.integers(len(COMPETENCIES))),
                        rng.integers(len(KPIS)) if rng.random() < LINKED_SHARE else -1,
                        rng.integers(len(BEHAVIOURS)),
                        rng.integers(4),
                        *(first, due, closed),
                        int(rng.random() < CANCELLED_SHARE),
                        int(rng.random() < STRETCH_SHARE),
                    )
                )
                if first > last[leader]:
                    rows.pop()
        return table(Plans, rows)

    def _rate(self, stated: Demographics) -> Ratings:
        rng = random(self.company.seed, "ratings")
        talent = rng.normal(0, TALENT_SD, self.people.count)
        units = self.company.units
        rows = []
        for cycle, proposed in enumerate(self.rating_days):
            for person, unit in self.present(min(proposed, self.company.size.last_day)):
                rater = self.manager(person, unit, proposed)
                noise, appeal = rng.normal(0, RATING_SD), rng.random()
                if rater < 0:
                    continue
                fair = RATING_LEVEL + talent[person] + noise
                if stated.gender[person] == FEMALE and units[unit].site == self.biased_site:
                    fair += GENDER_BIAS
                given = fair - self.manager_severity[rater]
                kept = 1 - SEVERITY_REMOVED if self.calibrated[rater] else 1.0
                settled = fair - kept * self.manager_severity[rater]
                for stage, after in enumerate(STAGE_DAYS):
                    if stage == len(STAGES) - 1 and appeal >= APPEAL_SHARE:
                        continue
                    points = settled + 0.3 * (stage == len(STAGES) - 1) if stage else given
                    rows.append(
                        (
                            *(cycle, person, stage),
                            int(np.clip(np.rint(100 * points), 100, 500)),
                            rater,
                            (proposed + after) * DAY_S + int(rng.integers(8 * 60, 16 * 60)) * 60,
                            rng.integers(4),
                        )
                    )
        return table(Ratings, rows)


def wave_name(day: int, prefix: str) -> str:
    """Return the name of a survey, cycle or rating round by the month in which it closes."""
    return f"{prefix}-{day_of(day):%Y-%m}"


def _every(latest: int, days: int, earliest: int) -> list[int]:
    """Return days that lie a fixed time apart, oldest first."""
    return list(range(latest, earliest, -days))[::-1]


def points_label(points: Ints) -> NDArray[np.int64]:
    """Return 0 for the lowest of the five labels to 4 for the highest."""
    return np.clip((points + 50) // 100, *SCALE) - 1

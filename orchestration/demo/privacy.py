"""What people stated about themselves, and what they agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestration.demo.size import random, table
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from orchestration.demo.company import Company, Ints
    from orchestration.demo.people import People

GENDERS = ("female", "male", "diverse")
AGE_BANDS = ("under_30", "30_to_39", "40_to_49", "50_and_over")
ETHNICITIES = ("group_a", "group_b", "group_c", "group_d")
DISABILITIES = ("stated", "none_stated")
TENURE_BANDS = ("under_2", "2_to_9", "10_and_over")
# Countries of the demo whose law lets an employer ask.
ETHNICITY_ASKED_IN = ("US", "GB")
NOT_STATED_SHARE = 0.12
DAYS_PER_YEAR = 365

PURPOSES = ("individual_kpi", "behaviour", "usage_tracking", "bias_audit")
BASES = ("consent", "works_agreement", "legitimate_interest")
WORKS_COUNCIL_IN = "DE"
BIAS_AUDIT_ASKED = 0.9  # of all employees; the other purposes are asked of leaders alone
GRANTED = (0.9, 0.7, 0.8, 0.6)  # by purpose
WITHDRAWN_PER_YEAR = 0.25
FEMALE = 0


@dataclass(frozen=True)
class Demographics:
    """One row per person; -1 where nothing is stated or may be asked."""

    gender: Ints
    age_band: Ints
    ethnicity: Ints
    disability: Ints


@dataclass(frozen=True)
class Consents:
    """One row per answer, first and last day inclusive."""

    person: Ints
    site: Ints
    purpose: Ints
    basis: Ints
    granted: Ints
    first: Ints
    last: Ints


def demographics(company: Company, people: People) -> Demographics:
    """Draw what everybody would state, by person number."""
    rng, count = random(company.seed, "demographics"), people.count
    country = np.full(count, "", dtype="<U2")
    for job in people.employments:
        country[job.person] = company.sites[job.site].country
    gender = rng.choice(len(GENDERS), count, p=[0.31, 0.67, 0.02])
    stated = rng.random((2, count)) >= NOT_STATED_SHARE
    asked = np.isin(country, ETHNICITY_ASKED_IN)
    return Demographics(
        gender=gender,
        age_band=np.where(
            stated[0], rng.choice(len(AGE_BANDS), count, p=[0.2, 0.3, 0.28, 0.22]), -1
        ),
        ethnicity=np.where(
            asked & stated[1], rng.choice(len(ETHNICITIES), count, p=[0.6, 0.2, 0.15, 0.05]), -1
        ),
        disability=np.where(rng.random(count) < 0.05, 0, 1),  # noqa: PLR2004
    )


def consents(company: Company, people: People) -> Consents:
    """Draw who was asked for what, what they answered, and who took it back later."""
    size, rng = company.size, random(company.seed, "consent")
    rows = []
    for job in people.employments:
        is_leader = job.person < size.leaders
        for purpose in range(len(PURPOSES)):
            chance, yes, waits, lasts = (
                rng.random(2).tolist()
                + rng.exponential([60, DAYS_PER_YEAR / WITHDRAWN_PER_YEAR]).tolist()
            )
            bias_audit = PURPOSES[purpose] == "bias_audit"
            if (chance >= BIAS_AUDIT_ASKED) if bias_audit else not is_leader:
                continue
            first = max(job.hired, size.first_day) + int(waits)
            if first > min(job.last, size.last_day):
                continue
            german = company.sites[job.site].country == WORKS_COUNCIL_IN
            basis = 1 if german and PURPOSES[purpose] == "individual_kpi" else 0
            granted = int(basis == 1 or yes < GRANTED[purpose])
            turn = first + 1 + int(lasts)
            ends = min(job.last, OPEN)
            # Who refused may agree later, who agreed may take it back: a second answer.
            if basis == 0 and turn < min(ends, size.last_day):
                rows.append((job.person, job.site, purpose, basis, granted, first, turn - 1))
                rows.append((job.person, job.site, purpose, basis, 1 - granted, turn, ends))
            else:
                rows.append((job.person, job.site, purpose, basis, granted, first, ends))
    return table(Consents, sorted(rows))

"""Consent and demographics as the HR system writes them: Workday reports in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from orchestration.demo import text
from orchestration.demo.books import FeedBook, Snapshots
from orchestration.demo.people import NOTICE_DAYS
from orchestration.demo.privacy import (
    AGE_BANDS,
    BASES,
    DAYS_PER_YEAR,
    DISABILITIES,
    ETHNICITIES,
    GENDERS,
    PURPOSES,
    TENURE_BANDS,
    Consents,
    Demographics,
)
from orchestration.demo.size import day_of
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from orchestration.demo.company import Company
    from orchestration.demo.people import People

TENURE_YEARS = (2, 10)


def privacy_book(
    company: Company, people: People, stated: Demographics, given: Consents
) -> FeedBook:
    """Return the feeds of what people stated and agreed to."""
    exports = _Exports(company, people, stated, given)
    turns = set(given.first.tolist()) | {day + 1 for day in given.last.tolist()}
    feeds = [
        Snapshots("hr_consent", lambda day: day in turns, exports.consent),
        Snapshots("hr_demographics", lambda day: day_of(day + 1).day == 1, exports.demographics),
    ]
    return FeedBook(company, list(feeds), {})


class _Exports:
    def __init__(
        self, company: Company, people: People, stated: Demographics, given: Consents
    ) -> None:
        self.company, self.people, self.stated, self.given = company, people, stated, given
        self._person = pa.array([people.employee_id(n) for n in range(people.count)])

    def consent(self, day: int) -> bytes | None:
        """Write every answer given until a day; an end that lies ahead is not known yet."""
        given = self.given
        rows = np.flatnonzero(given.first <= day)
        if not len(rows):
            return None
        works = given.basis[rows] == BASES.index("works_agreement")
        reference = text.pick(["BV 2024/07 Leistungsdaten"], np.where(works, 0, -1))
        last = given.last[rows]
        return text.json_report(
            {
                "employee_id": text.pick(self._person, given.person[rows]),
                "jurisdiction": text.pick(
                    [s.country for s in self.company.sites], given.site[rows]
                ),
                "purpose": text.pick(list(PURPOSES), given.purpose[rows]),
                "legal_basis": text.pick(list(BASES), given.basis[rows]),
                "granted": text.pick(["0", "1"], given.granted[rows]),
                "valid_from": text.days(given.first[rows]),
                "valid_to": text.days(np.where(last <= day, last, OPEN)),
                "works_council_ref": reference,
            }
        )

    def demographics(self, day: int) -> bytes | None:
        """Write what everybody employed on a day stated."""
        today = day + 1
        jobs = {
            job.person: job
            for job in self.people.employments
            if job.hired <= today + NOTICE_DAYS and job.last >= today
        }
        person = np.array(sorted(jobs))
        hired = np.array([jobs[n].hired for n in person.tolist()])
        years = (today - hired) // DAYS_PER_YEAR
        stated = self.stated
        return text.json_report(
            {
                "employee_id": text.pick(self._person, person),
                "valid_from": text.days(hired),
                "gender": text.pick(list(GENDERS), stated.gender[person]),
                "age_band": text.pick(list(AGE_BANDS), stated.age_band[person]),
                "ethnicity": text.pick(list(ETHNICITIES), stated.ethnicity[person]),
                "disability": text.pick(list(DISABILITIES), stated.disability[person]),
                "tenure_band": text.pick(
                    list(TENURE_BANDS), np.searchsorted(TENURE_YEARS, years, "right")
                ),
            }
        )

"""The books of people, oversight and usage, drawn from one company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.demo.development import Development
from orchestration.demo.development_exports import development_book
from orchestration.demo.oversight import Oversight
from orchestration.demo.oversight_exports import oversight_book
from orchestration.demo.privacy import consents, demographics
from orchestration.demo.privacy_exports import privacy_book
from orchestration.demo.teamwork_exports import teamwork_book
from orchestration.demo.usage import Adoption
from orchestration.demo.usage_exports import usage_book

if TYPE_CHECKING:
    from orchestration.demo.books import FeedBook
    from orchestration.demo.company import Company
    from orchestration.demo.people import People


def people_books(company: Company, people: People) -> list[FeedBook]:
    """Return what people stated, learnt and were told, what was found, and who used the tool."""
    stated = demographics(company, people)
    return [
        privacy_book(company, people, stated, consents(company, people)),
        development_book(Development(company, people, stated)),
        oversight_book(Oversight(company, people)),
        usage_book(Adoption(company, people)),
        teamwork_book(company),
    ]

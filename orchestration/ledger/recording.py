"""Record what people decide: what is possible is appended, and so is every refusal."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from orchestration.ledger.desk import Answer, Desk, Submission
from orchestration.ledger.fields import RefusedError, Rulebook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestration.ledger.facts import Facts
    from orchestration.ledger.store import Ledger


class _RollBackError(Exception):
    """One of a batch was refused: nothing of it is recorded."""

    def __init__(
        self, answers: list[Answer], refusals: list[tuple[Submission, RefusedError]]
    ) -> None:
        super().__init__()
        self.answers, self.refusals = answers, refusals


def record(
    ledger: Ledger,
    rulebook: Rulebook,
    facts: Facts,
    submissions: Sequence[Submission],
    *,
    now: Callable[[], dt.datetime],
) -> list[Answer]:
    """Judge submissions and append them: all of a batch, or its refusals alone.

    Parameters
    ----------
    ledger : Ledger
        Where they are recorded.
    rulebook : Rulebook
        Types of acts and decision rights.
    facts : Facts
        Catalogue, org tree, people, published figures.
    submissions : sequence of Submission
        Later ones see earlier ones of the same batch.
    now : callable
        The clock.

    Returns
    -------
    list of Answer, one per submission

    Raises
    ------
    LedgerDamagedError
        If the ledger is not what was recorded; nothing is written then.
    """
    try:
        with ledger.writing(now=now) as writer:
            desk = Desk(writer, rulebook, facts, now().astimezone(dt.UTC).date())
            answers = _judge(desk, submissions)
            erased = desk.erasures
    except _RollBackError as refused:
        return _record_refusals(ledger, rulebook, refused.answers, refused.refusals, now=now)
    for ordered_by, numbers in erased.items():
        ledger.erase(*numbers, ordered_by_seq=ordered_by)
    return answers


def _judge(desk: Desk, submissions: Sequence[Submission]) -> list[Answer]:
    """Append all submissions, or raise what is wrong with those that cannot be."""
    answers: list[Answer] = []
    refusals: list[tuple[Submission, RefusedError]] = []
    for submission in submissions:
        try:
            answers.append(desk.take(submission))
        except RefusedError as refused:
            refusals.append((submission, refused))
            answers.append(Answer(None, "refused", str(refused)))
    if refusals:
        raise _RollBackError(answers, refusals)
    return answers


def _record_refusals(
    ledger: Ledger,
    rulebook: Rulebook,
    answers: Sequence[Answer],
    refusals: Sequence[tuple[Submission, RefusedError]],
    *,
    now: Callable[[], dt.datetime],
) -> list[Answer]:
    with ledger.writing(now=now) as writer:
        recorded = iter(
            [
                writer.append(_refusal_payload(rulebook, submission, refused))
                for submission, refused in refusals
            ]
        )
    return [
        Answer(next(recorded).seq, "refused", answer.sentence)
        if answer.outcome == "refused"
        else Answer(None, "not_recorded", "Not recorded, as others of the batch were refused.")
        for answer in answers
    ]


def _refusal_payload(
    rulebook: Rulebook, submission: Submission, refused: RefusedError
) -> dict[str, Any]:
    is_known = rulebook.types.find(submission.act_type) is not None
    return {
        "act_type": submission.act_type or "none",
        "definition": rulebook.types.hash_of(submission.act_type) if is_known else None,
        "actor": submission.actor or "nobody",
        "right": None,
        "subject": refused.subject or "none",
        "refers_to": None,
        "valid_from": None,
        "valid_to": None,
        # As it was handed in, as text: a refused value may be of any kind.
        "fields": {str(name): str(value) for name, value in submission.fields.items()}
        | ({"refers_to": str(submission.refers_to)} if submission.refers_to else {}),
        "outcome": "refused",
        "refusal": str(refused),
        "completes": None,
    }

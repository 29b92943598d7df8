"""Payloads of the form that an entry has, and clocks; what they mean is nobody's business here."""

from __future__ import annotations

import datetime as dt

START = dt.datetime(2026, 10, 4, 8, tzinfo=dt.UTC)


def act(number=0, **parts):
    """A payload; every part can be said otherwise."""
    return {
        "act_type": "target.propose",
        "definition": "d" * 64,
        "actor": f"E{100_000 + number % 50}",
        "right": {"right": "propose_target", "role": "unit_leader", "org_unit_id": "U-DE01"},
        "subject": f"target|KPI{number % 20:03d}|U-DE01|2026",
        "refers_to": None,
        "valid_from": "2026-01-01",
        "valid_to": None,
        "fields": {"target_value": "0.80", "reason": f"Grund Nr. {number}: Zürich läuft"},
        "outcome": "effective",
        "refusal": None,
        "completes": None,
    } | parts


def order(*seqs, **parts):
    """A payload that orders the erasure of entries."""
    fields = {"entries": list(seqs), "reason": "Art. 17"}
    return act(act_type="erasure.order", subject="erasure|1", fields=fields, **parts)


def clock():
    """A clock that stands still."""
    return START


def write(ledger, count, *, first=0, now=clock):
    """Append acts in one block."""
    with ledger.writing(now=now) as writer:
        return writer.append_many(act(first + number) for number in range(count))

"""The chain itself, as pure functions: canonical JSON, commitment, hash.

    commitment = HMAC-SHA256(key = salt, message = canonical JSON of the payload)
    entry_hash = SHA256(canonical JSON of {seq, recorded_at, commitment, previous})

`previous` is the hash of the entry before, 64 zeros for the first. The chain holds the commitment
and not the payload: payload and salt lie aside, so a lawful erasure removes both and every hash
stays true, while nobody can try likely payloads against what remains. HMAC is that of RFC 2104,
SHA-256 that of FIPS 180-4, both from the standard library.

Here is nothing of storage, signatures or what an act means.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

GENESIS = "0" * 64
SALT_BYTES = 32
# What every payload says, and nothing else at its top.
PAYLOAD_KEYS = frozenset(
    {
        "act_type",
        "definition",
        "actor",
        "right",
        "subject",
        "refers_to",
        "valid_from",
        "valid_to",
        "fields",
        "outcome",
        "refusal",
        "completes",
    }
)
OUTCOMES = frozenset({"effective", "pending", "recorded", "refused"})
ERASURE_ORDER = "erasure.order"
# Other languages read a JSON number as a double: beyond this, two integers are one.
LARGEST_INTEGER = 2**53 - 1


class PayloadError(ValueError):
    """A payload cannot be an entry; the message says which part and what to do."""


def canonical_json(value: Any) -> bytes:
    """Return the one way to write a value as JSON.

    Keys are sorted by code point, nothing stands between tokens, characters beyond ASCII stand for
    themselves in UTF-8. Nothing is rounded or normalised: what reads the same is the same bytes.

    Parameters
    ----------
    value : Any
        Mappings with text keys, lists, text, whole numbers, true, false and null. A number with a
        fraction is text, so that 0.80 stays 0.80.

    Raises
    ------
    PayloadError
        If something else is in it; the message names the place.

    Examples
    --------
    >>> canonical_json({"b": ["0.80", None], "a": "Zürich"}).decode()
    '{"a":"Zürich","b":["0.80",null]}'
    """
    _check(value, "")
    return _written(value)


def _check(value: Any, where: str) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise PayloadError(f"{_named(where)} is {value}, too large a number: write it as text.")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                raise PayloadError(f"{_named(where)} has the key {key!r}: keys are text.")
            _check_text(key, where)
            _check(part, f"{where}.{key}" if where else key)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            _check(part, f"{where}[{index}]")
    else:
        raise PayloadError(
            f"{_named(where)} is {value!r}: write a number with a fraction, a date or anything "
            f"else that is not whole as text."
        )


def _check_text(text: str, where: str) -> None:
    # Neither database keeps U+0000 in a text, and half a surrogate pair has no UTF-8.
    if "\0" in text or (not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)):
        raise PayloadError(f"{_named(where)} holds a sign that no text can: remove it.")


def _named(where: str) -> str:
    return where or "The payload"


def _written(value: Any) -> bytes:
    return json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
        default=dict,
    ).encode()


def payload_bytes(payload: Mapping[str, Any], *, seq: int) -> bytes:
    """Return the canonical JSON of the payload of entry ``seq``.

    Raises
    ------
    PayloadError
        If it does not have exactly the keys of an entry, or one of those by which entries are
        found is not what it must be.
    """
    if payload.keys() != PAYLOAD_KEYS:
        missing, foreign = PAYLOAD_KEYS - payload.keys(), payload.keys() - PAYLOAD_KEYS
        raise PayloadError(
            f"An entry's payload lacks {sorted(missing)} and must not have "
            f"{sorted(map(str, foreign))}."
        )
    for key in ("act_type", "actor", "subject"):
        if not isinstance(payload[key], str) or not payload[key]:
            raise PayloadError(f"{key} is {payload[key]!r}: it must be a text that is not empty.")
    if payload["outcome"] not in OUTCOMES:
        raise PayloadError(f"outcome is {payload['outcome']!r}: use one of {sorted(OUTCOMES)}.")
    for key in ("refers_to", "completes"):
        earlier = payload[key]
        if earlier is not None and (type(earlier) is not int or not 0 < earlier < seq):
            raise PayloadError(f"{key} is {earlier!r}: entry {seq} can name an earlier one alone.")
    return canonical_json(payload)


def instant_text(instant: dt.datetime) -> str:
    """Return an instant as the chain writes it: UTC, microseconds, always as long.

    Raises
    ------
    ValueError
        If it has no time zone.

    Examples
    --------
    >>> instant_text(dt.datetime(2026, 10, 4, 8, tzinfo=dt.UTC))
    '2026-10-04T08:00:00.000000Z'
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone: the ledger is told instants in UTC.")
    # Not strftime, which writes years before 1000 with fewer digits.
    text = instant.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text}Z"


def instant_of(text: str) -> dt.datetime:
    """Return the instant that `instant_text` wrote.

    Raises
    ------
    ValueError
        If it is written in any other way.
    """
    instant = dt.datetime.fromisoformat(text)
    if instant.tzinfo is None or instant_text(instant) != text:
        raise ValueError(f"{text!r} is not written as an instant of the ledger")
    return instant


def commitment(payload: bytes, salt: bytes) -> str:
    """Return what the chain holds in the place of a payload: 64 hexadecimal digits."""
    return hmac.digest(salt, payload, "sha256").hex()


def entry_hash(*, seq: int, recorded_at: str, commitment: str, previous: str) -> str:
    """Return the hash of an entry: 64 hexadecimal digits."""
    entry = {
        "seq": seq,
        "recorded_at": recorded_at,
        "commitment": commitment,
        "previous": previous,
    }
    return hashlib.sha256(_written(entry)).hexdigest()


class StoredEntry(NamedTuple):
    """An entry as the two tables hold it; payload and salt are None once they are erased.

    `act_type`, `actor`, `subject`, `refers_to` and `outcome` are copies of parts of the payload, by
    which entries are found.
    """

    seq: int
    recorded_at: str
    commitment: str
    previous_hash: str
    entry_hash: str
    salt: bytes | None
    payload: str | None
    act_type: str | None
    actor: str | None
    subject: str | None
    refers_to: int | None
    outcome: str | None


COPIES = ("act_type", "actor", "subject", "refers_to", "outcome")


def entry_fault(entry: StoredEntry, *, is_erased: bool) -> str | None:
    """Return what is wrong with an entry by itself, or None.

    Whether it follows the entry before is for the caller to see.

    Parameters
    ----------
    entry : StoredEntry
        What the tables hold, of whatever types a damaged file gives.
    is_erased : bool
        Whether an erasure names it; only then may its payload be missing.
    """
    try:
        instant_of(entry.recorded_at)
        expected = entry_hash(
            seq=entry.seq,
            recorded_at=entry.recorded_at,
            commitment=entry.commitment,
            previous=entry.previous_hash,
        )
    except (TypeError, ValueError):
        return "its time or hashes cannot be read"
    if entry.entry_hash != expected:
        return "its hash is not that of what it says"
    if is_erased:
        left = [entry.salt, entry.payload, *(getattr(entry, name) for name in COPIES)]
        return None if left == [None] * len(left) else "it is erased and yet something is left"
    return _payload_fault(entry)


def _payload_fault(entry: StoredEntry) -> str | None:
    if entry.payload is None or entry.salt is None:
        return "its payload is gone and no erasure names it"
    if not isinstance(entry.payload, str) or not isinstance(entry.salt, bytes):
        return "its payload cannot be read"
    # A damaged text is read with its foreign bytes kept, see the store.
    payload = entry.payload.encode("utf-8", "surrogateescape")
    if len(entry.salt) != SALT_BYTES or commitment(payload, entry.salt) != entry.commitment:
        return "its payload is not the one that was recorded"
    said = json.loads(entry.payload)
    changed = [
        name
        for name in COPIES
        if (type(getattr(entry, name)), getattr(entry, name)) != (type(said[name]), said[name])
    ]
    return (
        f"its {' and '.join(changed)} beside the payload is not the payload's" if changed else None
    )

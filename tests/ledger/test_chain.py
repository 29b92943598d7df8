"""Canonical JSON and the chain, held against the standard library and published values."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.ledger.chain import (
    GENESIS,
    PayloadError,
    canonical_json,
    commitment,
    entry_hash,
    instant_of,
    instant_text,
    payload_bytes,
)
from tests.ledger.acts import act

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda part: st.lists(part) | st.dictionaries(TEXTS, part),
)


def test_the_commitment_is_the_hmac_of_rfc_4231():
    # Test case 2: the key is shorter than a block, as a salt is.
    assert commitment(b"what do ya want for nothing?", b"Jefe") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_two_entries_chain_as_calculated_by_hand():
    first = hmac.new(b"\x01" * 32, b'{"a":1}', hashlib.sha256).hexdigest()
    second = hmac.new(b"\x02" * 32, b'{"a":2}', hashlib.sha256).hexdigest()
    at = "2026-10-04T08:00:00.000000Z"
    lines = f'{{"commitment":"{first}","previous":"{"0" * 64}","recorded_at":"{at}","seq":1}}'
    first_hash = hashlib.sha256(lines.encode()).hexdigest()
    lines = f'{{"commitment":"{second}","previous":"{first_hash}","recorded_at":"{at}","seq":2}}'
    second_hash = hashlib.sha256(lines.encode()).hexdigest()

    one = entry_hash(
        seq=1, recorded_at=at, commitment=commitment(b'{"a":1}', b"\x01" * 32), previous=GENESIS
    )
    two = entry_hash(
        seq=2, recorded_at=at, commitment=commitment(b'{"a":2}', b"\x02" * 32), previous=one
    )

    assert (one, two) == (first_hash, second_hash)


@given(VALUES)
def test_canonical_json_says_what_was_said(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(TEXTS, VALUES, min_size=2))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value):
    turned = dict(reversed(value.items()))

    assert canonical_json(turned) == canonical_json(value)


@given(VALUES)
def test_canonical_json_of_what_was_read_is_the_same_bytes(value):
    written = canonical_json(value)

    assert canonical_json(json.loads(written)) == written


def test_canonical_json_is_written_without_spaces_and_with_signs_as_they_are():
    assert canonical_json({"b": [1, "0.80"], "a": {"ü": None}}) == (
        b'{"a":{"\xc3\xbc":null},"b":[1,"0.80"]}'
    )


@pytest.mark.parametrize(
    "value",
    [0.8, math.nan, 2**53, {1: "a"}, "a\0", "\ud800", {"\0": 1}, dt.date(2026, 1, 1), b"a", {1}],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(PayloadError):
        canonical_json({"fields": [value]})


def test_the_refusal_names_the_place():
    with pytest.raises(PayloadError, match=r"fields\.targets\[1\] is 0\.8: write a number with"):
        canonical_json({"fields": {"targets": ["0.80", 0.8]}})


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_is_read_as_it_was_written(instant):
    try:
        utc = instant.astimezone(dt.UTC)
    except OverflowError:
        return

    text = instant_text(instant)

    assert instant_of(text) == utc
    assert len(text) == len("2026-10-04T08:00:00.000000Z")


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-04T08:00:00Z",
        "2026-10-04T08:00:00.000000+00:00",
        "2026-10-04 08:00:00.000000Z",
        "2026-10-04T08:00:00.000000",
        "20261004T080000.000000Z",
    ],
)
def test_an_instant_written_in_another_way_is_refused(text):
    with pytest.raises(ValueError, match="not written"):
        instant_of(text)


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        instant_text(dt.datetime(2026, 10, 4))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"note": "x"}, "must not have"),
        ({"outcome": "done"}, "outcome is 'done'"),
        ({"actor": ""}, "actor is ''"),
        ({"refers_to": 5}, "entry 5 can name an earlier one"),
        ({"completes": True}, "completes is True"),
    ],
)
def test_a_payload_of_another_form_is_refused(parts, sentence):
    with pytest.raises(PayloadError, match=sentence):
        payload_bytes(act(**parts), seq=5)


def test_a_payload_that_lacks_a_part_is_refused():
    payload = act()
    del payload["refusal"]

    with pytest.raises(PayloadError, match=r"lacks \['refusal'\]"):
        payload_bytes(payload, seq=1)

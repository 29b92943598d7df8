"""The signed heads: what is written, with which key, and when writing is refused."""

from __future__ import annotations

import hashlib
import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from orchestration.ledger.anchor import Anchors
from orchestration.ledger.chain import canonical_json
from orchestration.ledger.errors import LedgerDamagedError, LedgerError
from orchestration.ledger.store import PAGE_ROWS, Ledger
from orchestration.ledger.verify import verify
from tests.ledger.acts import write


@pytest.fixture
def ledger(tmp_path, anchors):
    return Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite", anchors=anchors)


def lines_of(anchors):
    return anchors.path.read_bytes().splitlines()


def test_an_anchor_is_a_line_that_the_key_signed(ledger, anchors):
    first, second, third = write(ledger, 3)
    ledger.anchor()
    fourth, fifth = write(ledger, 2)
    ledger.anchor()

    one, two = map(json.loads, lines_of(anchors))
    signatures = [bytes.fromhex(line.pop("signature")) for line in (one, two)]
    private = load_pem_private_key(anchors.key_file.read_bytes(), password=None)

    assert (one["seq"], two["seq"]) == (3, 5)
    assert one["hashes"] == [first.entry_hash, second.entry_hash, third.entry_hash]
    assert two["hashes"] == [fourth.entry_hash, fifth.entry_hash]
    assert two["entry_hash"] == fifth.entry_hash
    assert (one["previous"], one["replaces"]) == ("0" * 64, None)
    assert two["previous"] == hashlib.sha256(lines_of(anchors)[0]).hexdigest()
    assert one["key"] == private.public_key().public_bytes_raw().hex()
    for line, signature in zip((one, two), signatures, strict=True):
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(line["key"]))
        public.verify(signature, canonical_json(line))


def test_nothing_new_makes_no_anchor(ledger, anchors):
    assert ledger.anchor() is None
    write(ledger, 1)
    assert ledger.anchor().seq == 1

    assert ledger.anchor() is None
    assert len(lines_of(anchors)) == 1


def test_a_line_of_the_anchors_stays_short_however_much_was_recorded(ledger, anchors):
    write(ledger, 2 * PAGE_ROWS + 1)

    assert ledger.anchor().seq == 2 * PAGE_ROWS + 1

    assert [len(json.loads(line)["hashes"]) for line in lines_of(anchors)] == [1000, 1000, 1]
    assert verify(ledger, anchors).anchors == 3


def test_the_key_is_made_once_and_is_its_owner_s_alone(ledger, anchors):
    write(ledger, 1)
    ledger.anchor()
    made = anchors.key_file.read_bytes()
    write(ledger, 1)
    ledger.anchor()

    assert anchors.key_file.read_bytes() == made
    assert stat.S_IMODE(anchors.key_file.stat().st_mode) == 0o600


def test_a_key_that_others_can_read_is_refused(ledger, anchors):
    write(ledger, 1)
    ledger.anchor()
    anchors.key_file.chmod(0o640)

    with pytest.raises(LedgerError, match="chmod 600"):
        write(ledger, 1)


@pytest.mark.parametrize("kind", ["no key", "another kind of key"])
def test_a_file_that_is_not_the_key_is_refused(ledger, anchors, kind):
    write(ledger, 1)
    ledger.anchor()
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    anchors.key_file.write_bytes(
        b"key"
        if kind == "no key"
        else rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )

    with pytest.raises(LedgerError, match=r"ledger\.pem is no .*key"):
        write(ledger, 1)


def test_a_lost_key_is_replaced_only_when_asked_and_every_check_says_so(ledger, anchors):
    write(ledger, 2)
    old = ledger.anchor().key
    anchors.key_file.unlink()
    write(ledger, 2)

    with pytest.raises(LedgerError, match=r"ledger anchor --new-key"):
        ledger.anchor()
    new = ledger.anchor(new_key=True)

    assert (new.replaces, new.seq) == (old, 4)
    assert new.key != old
    assert verify(ledger, anchors).keys == (old, new.key)
    write(ledger, 1)
    assert ledger.anchor().replaces is None


def test_another_key_can_follow_although_nothing_was_recorded(ledger, anchors):
    write(ledger, 2)
    old = ledger.anchor()
    anchors.key_file.unlink()

    new = ledger.anchor(new_key=True)

    assert (new.seq, new.entry_hash, new.hashes) == (2, old.entry_hash, ())
    assert ledger.anchor(new_key=True) is None
    assert write(ledger, 1)[0].seq == 3
    ledger.anchor()
    found = verify(ledger, anchors)
    assert (found.what, found.anchors, found.unanchored) == (None, 3, 0)
    assert found.keys == (old.key, new.key)


def test_without_the_private_key_everything_can_be_verified(ledger, anchors, tmp_path):
    write(ledger, 2)
    ledger.anchor()

    found = verify(ledger, Anchors(anchors.path.parent, tmp_path / "nowhere.pem"))

    assert (found.what, found.anchors) == (None, 1)


def test_a_line_cut_off_by_a_power_cut_is_told_and_written_again(ledger, anchors):
    write(ledger, 2)
    ledger.anchor()
    write(ledger, 1)
    ledger.anchor()
    whole = anchors.path.read_bytes()
    anchors.path.write_bytes(whole[:-30])

    assert "cut off in writing; `steelyard ledger anchor` writes it again" in (
        verify(ledger, anchors).what
    )
    assert write(ledger, 1)[0].seq == 4
    ledger.anchor()

    assert verify(ledger, anchors).what is None
    assert [json.loads(line)["seq"] for line in lines_of(anchors)] == [2, 4]


def test_a_line_that_does_not_fit_on_the_disk_leaves_nothing(ledger, anchors, monkeypatch):
    write(ledger, 2)
    ledger.anchor()
    whole = anchors.path.read_bytes()
    write(ledger, 1)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orchestration.ledger.anchor.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ledger.anchor()

    assert anchors.path.read_bytes() == whole


def test_a_ledger_that_was_cut_off_is_not_anchored(ledger, anchors, tmp_path):
    write(ledger, 3)
    ledger.anchor()
    other = Ledger.open(f"sqlite:///{tmp_path}/other.sqlite")
    write(other, 5)

    with pytest.raises(LedgerDamagedError, match="entry 3 is another than the one that was anch"):
        Ledger.open(f"sqlite:///{tmp_path}/other.sqlite", anchors=anchors).anchor()


def test_a_ledger_opened_without_anchors_says_so(tmp_path):
    with pytest.raises(LedgerError, match="without anchors"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite").anchor()

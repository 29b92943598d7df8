"""The whole ledger as files that an auditor checks without this project.

What leaves the house this way holds what people said about people, in clear: give it to those alone
who may read it. An erasure later on does not reach it.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from orchestration.ingest.landing import sync_folder
from orchestration.ledger.anchor import ANCHORS_FILE
from orchestration.ledger.errors import LedgerError
from orchestration.ledger.opening import open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestration.ledger.store import Ledger
    from orchestration.settings import Settings

ENTRIES_FILE = "entries.jsonl"
README_FILE = "README.md"
README = """\
# A ledger of human decisions

`entries.jsonl` has one line per entry, in their order:

| field | what it is |
|---|---|
| `seq` | 1, 2, 3 ... without a gap |
| `recorded_at` | UTC, never earlier than the entry before |
| `payload` | who decided what by which right: JSON, as recorded; null once lawfully erased |
| `salt` | 32 random bytes in hexadecimal; null with the payload |
| `commitment` | HMAC-SHA256 of the payload's UTF-8 bytes, with the salt as key |
| `previous` | `entry_hash` of the entry before; 64 zeros for the first |
| `entry_hash` | SHA-256 of canonical JSON: `seq`, `recorded_at`, `commitment`, `previous` |

Canonical JSON has sorted keys, no spaces, and characters beyond ASCII as they are.

`anchors.jsonl` has one line per signed head: `hashes` are those of all entries since the line
before, `previous` is the SHA-256 of the line before, `signature` an Ed25519 signature with `key`
over the canonical JSON of the line without `signature`. A line that `replaces` a key says that
another one signs from there on. **Compare the keys with those that you noted earlier, and the last
anchors with copies of your own**: whoever holds key, ledger and anchors could have made all three
anew.

Keys: KEYS

This program checks all of it with Python's standard library and, for the signatures, the package
`cryptography`. Run it in this folder:

```python
import hashlib, hmac, json, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def canonical(value):
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()

def must(condition, sentence):
    if not condition:
        sys.exit(sentence)

hashes = []
previous = "0" * 64
for number, line in enumerate(open("entries.jsonl", encoding="utf-8"), start=1):
    entry = json.loads(line)
    must(entry["seq"] == number, f"entry {number} is missing")
    must(entry["previous"] == previous, f"entry {number} does not follow on the one before")
    if entry["payload"] is not None:
        salt, text = bytes.fromhex(entry["salt"]), entry["payload"].encode()
        found = hmac.new(salt, text, hashlib.sha256).hexdigest()
        must(found == entry["commitment"], f"entry {number} has another payload")
    chained = {name: entry[name] for name in ("seq", "recorded_at", "commitment", "previous")}
    previous = hashlib.sha256(canonical(chained)).hexdigest()
    must(previous == entry["entry_hash"], f"entry {number} has another hash")
    hashes.append(previous)

anchored, before, keys = 0, "0" * 64, []
for number, line in enumerate(open("anchors.jsonl", "rb"), start=1):
    line = line.removesuffix(b"\\n")
    anchor = json.loads(line)
    signature = bytes.fromhex(anchor.pop("signature"))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(anchor["key"]))
    public.verify(signature, canonical(anchor))
    must(anchor["previous"] == before, f"anchor {number} does not follow on the one before")
    before = hashlib.sha256(line).hexdigest()
    for expected in anchor["hashes"]:
        anchored += 1
        found = hashes[anchored - 1 : anchored]
        must(found == [expected], f"entry {anchored} is not the one that was anchored")
    if anchor["key"] not in keys:
        keys.append(anchor["key"])

print(f"{len(hashes)} entries are what was recorded, {anchored} of them anchored by", *keys)
```
"""


def export(ledger: Ledger, folder: Path) -> int:
    """Write entries, anchors and how to check them into a new folder; return how many entries.

    Parameters
    ----------
    ledger : Ledger
        Opened with its anchors; without, none are written.
    folder : Path
        Does not exist yet; it appears when it is complete, readable by its owner alone.

    Raises
    ------
    LedgerError
        If the folder exists.
    LedgerDamagedError
        If an entry or an anchor is not what was written.
    """
    if folder.exists():
        raise LedgerError(f"{folder} exists already: name a folder that does not.")
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700, parents=True)
    # Anchors first: what is appended meanwhile must not look cut off.
    keys = _write_anchors(ledger, aside / ANCHORS_FILE)
    head = ledger.head()
    with (aside / ENTRIES_FILE).open("w", encoding="utf-8", newline="\n") as handle:
        for stored in ledger.stored(up_to_seq=head.seq):
            entry = {
                "seq": stored.seq,
                "recorded_at": stored.recorded_at,
                "payload": stored.payload,
                "salt": None if stored.salt is None else stored.salt.hex(),
                "commitment": stored.commitment,
                "previous": stored.previous_hash,
                "entry_hash": stored.entry_hash,
            }
            handle.write(json.dumps(entry, ensure_ascii=False) + "\n")
    said = README.replace("KEYS", ", ".join(f"`{key}`" for key in keys) or "none yet")
    (aside / README_FILE).write_text(said, encoding="utf-8")
    aside.rename(folder)
    sync_folder(folder.parent)
    return head.seq


def exporter(settings: Settings) -> Callable[[Path], int] | None:
    """Return what exports a ledger that is not a file of the company's home, else None."""
    if settings.ledger_storage is None:
        return None
    ledger = open_ledger(settings)
    return lambda folder: export(ledger, folder)


def _write_anchors(ledger: Ledger, target: Path) -> list[str]:
    anchors = [] if ledger.anchors is None else ledger.anchors.lines()
    keys: dict[str, None] = {}
    with target.open("wb") as handle:
        for anchor, line in anchors:
            handle.write(line)
            keys[anchor.key] = None
    return list(keys)

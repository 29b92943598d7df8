"""One streaming pass over the bytes of a text file: what must be known before it is parsed.

The pass decides nothing. It says whether DuckDB's reader can be trusted with the file as it is
(uniform line ends, well-formed quotes, no blank lines), or whether it must be rewritten first.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

# Small enough for numpy's intermediate arrays to stay in the processor's cache.
CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
TAIL_BYTES = 256
BOM = codecs.BOM_UTF8
# As header names are compared: without case, and a blank or a hyphen is an underscore.
_NAME_BYTES = bytes(range(256)).lower().translate(bytes.maketrans(b" -", b"__"))
_NAME_CODES = np.frombuffer(_NAME_BYTES, dtype=np.uint8)
_TAB, _LF, _CR, _BLANK, _DELETE = 9, 10, 13, 32, 127


@dataclass
class Scan:
    """What one pass saw.

    Attributes
    ----------
    ascii, utf8 : bool
        Whether all bytes are ASCII, and valid UTF-8.
    controls : bool
        Whether there are control characters other than TAB, LF, CR.
    bom, bom_inside : bool
        A byte order mark at the start; the same character elsewhere.
    lf, cr, crlf : int
        Line feeds, carriage returns, and pairs of both (counted in each of the former too).
    quotes, quotes_regular, quoted_line_ends : bool
        Whether there are quotes; whether each opens right after a delimiter or line end and closes
        right before one, or is doubled; whether line ends stand inside.
    blank_lines : bool
        Whether a line other than the first may be blank.
    header_again : bool
        Whether a later line may begin like the first.
    trailers : int
        Lines that begin like a trailer.
    backslash : bool
        Whether there is a backslash (in JSON: characters that the bytes do not show).
    padded : bool
        Whether a blank may stand beside a delimiter, quote or line end.
    head, tail : bytes
        The first and last bytes, after the byte order mark.
    size : int
        Bytes after the byte order mark.
    open_quote : bool
        Whether the last quote was never closed.
    outside : bytes
        The last byte outside quotes; empty right after a closing quote.
    longest_line : int
        Bytes of the longest line.
    line_start : int
        Where the last line begins.
    """

    ascii: bool = True
    utf8: bool = True
    controls: bool = False
    bom: bool = False
    bom_inside: bool = False
    lf: int = 0
    cr: int = 0
    crlf: int = 0
    quotes: bool = False
    quotes_regular: bool = True
    quoted_line_ends: bool = False
    blank_lines: bool = False
    header_again: bool = False
    trailers: int = 0
    padded: bool = False
    backslash: bool = False
    head: bytes = b""
    tail: bytes = b""
    size: int = 0
    open_quote: bool = False
    outside: bytes = b"\n"
    longest_line: int = 0
    line_start: int = 0

    @property
    def uniform_line_ends(self) -> bool:
        """Whether all line ends are of one kind."""
        return self.cr == 0 or self.lf == 0 or self.cr == self.lf == self.crlf

    @property
    def lines(self) -> int:
        """Physical lines, the last one counted though it lacks its end."""
        ends = self.lf + self.cr - self.crlf
        return ends + (self.size > 0 and not self.tail.endswith((b"\n", b"\r")))


def scan_bytes(path: Path, *, delimiter: str, quote: str | None, header: bool) -> Scan:
    """Return what one pass over a file sees; memory stays at a few chunks."""
    scan = Scan()
    decoder = codecs.getincrementaldecoder("utf-8")()
    quote_byte = quote.encode() if quote else None
    border = {b"\n", b"\r", *({delimiter.encode()} if len(delimiter.encode()) == 1 else ())}
    first_name = b""
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if scan.size == 0:
                if chunk.startswith(BOM):
                    scan.bom = True
                    chunk = chunk[len(BOM) :]
                scan.head = chunk[:HEAD_BYTES]
                if not chunk:
                    continue
                if header:
                    first_name = _first_name(scan.head, delimiter)
            ends = _lines(scan, chunk, before, first_name)
            _characters(scan, chunk, before, decoder, ends)
            _padding(scan, chunk, before, border | ({quote_byte} if quote_byte else set()))
            scan.size += len(chunk)
            if quote_byte and (scan.open_quote or quote_byte in chunk):
                _quotes(scan, chunk, quote_byte, border)
            elif chunk:
                scan.outside = chunk[-1:]
            before = (before + chunk if len(chunk) < TAIL_BYTES else chunk)[-TAIL_BYTES:]
    scan.longest_line = max(scan.longest_line, scan.size - scan.line_start)
    scan.tail = before
    if scan.utf8 and not scan.ascii:
        scan.utf8 = _ends_whole(decoder)
    if scan.open_quote:
        scan.quotes_regular = False
    return scan


def _first_name(head: bytes, delimiter: str) -> bytes:
    line = head.split(b"\n", 1)[0].split(b"\r", 1)[0]
    return line.split(delimiter.encode(), 1)[0].strip().translate(_NAME_BYTES)


def _characters(
    scan: Scan, chunk: bytes, before: bytes, decoder: codecs.IncrementalDecoder, ends: int
) -> None:
    # Counting in numpy is ten times as fast as translate or a regular expression.
    low = np.count_nonzero(np.frombuffer(chunk, dtype=np.uint8) < _BLANK)
    usual = ends + (chunk.count(b"\t") if b"\t" in chunk else 0)
    scan.backslash = scan.backslash or b"\\" in chunk
    if low != usual or bytes([_DELETE]) in chunk:
        scan.controls = True
    if chunk.isascii() and scan.ascii:
        return
    scan.ascii = False
    if BOM in before[-2:] + chunk:
        scan.bom_inside = True
    if scan.utf8:
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            scan.utf8 = False


def _padding(scan: Scan, chunk: bytes, before: bytes, border: set[bytes]) -> None:
    """Note whether a blank stands beside a delimiter, quote or line end."""
    if scan.padded:
        return
    blanks = {_BLANK, _TAB} - {ord(mark) for mark in border}
    present = [blank for blank in blanks if blank in chunk or before[-1:] == bytes([blank])]
    if not present:
        return
    codes = np.frombuffer((before[-1:] or b"\n") + chunk, dtype=np.uint8)
    edges = np.zeros(256, dtype=bool)
    edges[[*blanks, *(ord(mark) for mark in border)]] = True
    for blank in present:
        places = np.flatnonzero(codes == blank)
        after = np.minimum(places + 1, len(codes) - 1)
        ahead = np.maximum(places - 1, 0)
        # At the edge of a chunk the neighbour is the blank itself: taken for an edge.
        if edges[codes[ahead]].any() or edges[codes[after]].any():
            scan.padded = True


def _ends_whole(decoder: codecs.IncrementalDecoder) -> bool:
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines(scan: Scan, chunk: bytes, before: bytes, first_name: bytes) -> int:
    """Note what lines are like and return how many characters of the chunk end one."""
    joined = before + chunk
    codes = np.frombuffer(joined, dtype=np.uint8)
    is_feed = codes == _LF
    returns = chunk.count(b"\r") if b"\r" in chunk else 0
    feeds = int(np.count_nonzero(is_feed[len(before) :]))
    scan.lf += feeds
    if returns or before.endswith(b"\r"):
        scan.cr += returns
        scan.crlf += chunk.count(b"\r\n") + (before.endswith(b"\r") and chunk.startswith(b"\n"))
    ends = np.flatnonzero(is_feed | (codes == _CR) if returns else is_feed)
    # Counted from the start of the file; what was before the chunk has been measured.
    new = ends[np.searchsorted(ends, len(before)) :] + (scan.size - len(before))
    if len(new):
        lengths = np.diff(new, prepend=scan.line_start - 1)
        scan.longest_line = max(scan.longest_line, int(lengths.max()))
        scan.line_start = int(new[-1]) + 1
    # What a line begins with: a blank may mean a blank line, the first letter of the header's
    # first name a repeated header, a T a trailer. Only then is it looked at closely.
    starts = np.bincount(codes[np.minimum(ends + 1, len(codes) - 1)], minlength=256)
    starts[codes[-1]] -= len(ends) > 0 and ends[-1] == len(codes) - 1
    if starts[_BLANK] or starts[_TAB] or (not returns and starts[_LF]):
        scan.blank_lines = True
    if returns and re.search(rb"\n[\r\n]|\r\r", joined):
        scan.blank_lines = True
    if first_name and not scan.header_again:
        letters = {*first_name[:1], *first_name[:1].upper(), ord('"')}
        if any(starts[letter] for letter in letters):
            scan.header_again = _any_line_starts(codes, ends + 1, first_name)
    if starts[ord("T")]:
        scan.trailers += len(re.findall(rb"[\r\n]T\|", joined)) - len(
            re.findall(rb"[\r\n]T\|", before)
        )
    return feeds + returns


def _any_line_starts(
    codes: npt.NDArray[np.uint8], starts: npt.NDArray[np.intp], name: bytes
) -> bool:
    """Return whether a line begins with a lower-case name, in any case, quoted or not."""
    for opening in (b"", b'"'):
        at = starts[starts + len(opening + name) <= len(codes)]
        for place, byte in enumerate(opening + name):
            at = at[_NAME_CODES[codes[at + place]] == byte]
        if len(at):
            return True
    return False


def _quotes(scan: Scan, chunk: bytes, quote: bytes, border: set[bytes]) -> None:
    """Follow quotes by splitting at them: inside and outside parts alternate.

    An outside part that is empty is a doubled quote; any other begins and ends at a border.
    """
    scan.quotes = True
    parts = chunk.split(quote)
    last = len(parts) - 1
    for number, part in enumerate(parts):
        if scan.open_quote:
            if not scan.quoted_line_ends and (b"\n" in part or b"\r" in part):
                scan.quoted_line_ends = True
        else:
            if part:
                if (number > 0 or scan.outside == b"") and part[:1] not in border:
                    scan.quotes_regular = False
                scan.outside = part[-1:]
            elif number > 0:
                scan.outside = b""
            if number < last and scan.outside not in border | {b""}:
                scan.quotes_regular = False
        if number < last:
            scan.open_quote = not scan.open_quote

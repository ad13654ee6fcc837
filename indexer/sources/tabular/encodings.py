"""Which encoding text is in that is no UTF-8: one that explains all its letters, and that people's programs write.

Each encoding is tried on lines that hold other bytes than ASCII. Letters count where one language of the encoding has
them, and where they stand as that language writes: Latin ones among others, Cyrillic and Greek ones by themselves, two
bytes of Chinese, Japanese and Korean in the part of their tables that everyday text is made of. What explains fewer
than _NEEDED of them is not taken, so that no text becomes gibberish; of two that explain it as well the first is.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from indexer.sources.tabular.opened import open_table

_NEEDED = 0.9
_MIXED = 0.2
"""The share of lines that are sound UTF-8 from which on the others are mistakes: by chance hardly one is."""
_BLOCK = 2**20
_SAMPLE = 2**18
"""Bytes of lines with such letters that are looked at."""

_WESTERN = ("äöüßé", "àâçéèêëîïôœùûüæ", "áéíñóúü", "áàâãçéêíóôõúü", "àèéìíòóù", "åäöé", "æøåéö", "éëïóèöü")
_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "cp1252": _WESTERN,
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ", "äöüßé"),
    "cp1251": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
    "cp1254": ("çğıiöşüâî",),
    "cp1253": ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
    "mac_roman": _WESTERN,
    "cp850": _WESTERN,
}
_USUAL = "cp1252"
_ALL_WESTERN = frozenset("".join(_WESTERN))
_FREQUENT = {"cp1251": frozenset("оеаинтсрвл"), "cp1253": frozenset("αοιετσνηυράόίέή")}
"""Letters of which more than half of a text is; what is read in the wrong encoding has few of them."""
_FREQUENTLY = 0.4
_ALONE = frozenset(_FREQUENT)
"""Whose letters stand among no Latin ones."""

_SIGNS = frozenset("€£¥©®™°·•…–—‘’“”„‚«»‹›§×÷±½¼¾²³¹µªº¿¡\u00a0¤№´")
_WITHIN_WORDS = frozenset("’´®\u00a0")
_BEFORE_WORDS = frozenset("„‚")
_BEHIND_WORDS = frozenset("ªº")

_FAR_EAST: Mapping[str, re.Pattern[bytes]] = {
    "euc_jp": re.compile(rb"[\xa4\xa5][\xa1-\xf6]|[\xa1\xa3\xb0-\xcf][\xa1-\xfe]"),
    "cp932": re.compile(rb"[\x82\x83][\x40-\xf1]|[\x81\x88-\x97][\x40-\x7e\x80-\xfc]"),
    "cp949": re.compile(rb"[\xb0-\xc8\xa1-\xa3][\xa1-\xfe]"),
    "gb18030": re.compile(rb"[\xb0-\xd7\xa1-\xa3][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa4-\xc6\xa1-\xa3][\x40-\x7e\xa1-\xfe]"),
}
_JAPANESE = frozenset({"euc_jp", "cp932"})
_FEW = 3
_RUN = re.compile(r"[^\x00-\x7f]+")
_OTHER = re.compile(rb"[\x80-\xff]")


def encoding_of(path: Path) -> str:
    """Return the encoding that the text of a file is in where it is no UTF-8, as Python calls it; else an empty text,
    as for text of which no encoding explains enough, and for UTF-8 with a few wrong bytes.

    The file is read through. Raises SourceUnreadable, TableDamaged.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_table(path) as file:
        block = file.read(_BLOCK)
        if block.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in block[:64]:
            return ""
        try:
            while block:
                decoder.decode(block)
                block = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            pass
        else:
            return ""
    with open_table(path) as file:
        lines: list[bytes] = []
        size = 0
        while size < _SAMPLE and (line := file.readline(_SAMPLE)):
            if _OTHER.search(line):
                lines.append(line)
                size += len(line)
    sound = sum(_is_utf8(line) for line in lines)
    return "" if sound > _MIXED * len(lines) else likely_encoding(lines)


def told(encoding: str) -> str:
    """Return a sentence for a person on an encoding that was found."""
    return f"The text is no UTF-8; it is read as {encoding}. If letters are wrong, say which it is: --encoding."


def likely_encoding(lines: Iterable[bytes]) -> str:
    """Return the encoding that explains lines best, as Python calls it; empty where none does well."""
    text = b"\n".join(lines)
    scores = {name: _far_eastern(text, name) for name in _FAR_EAST}
    scores |= {name: _alphabetic(text, name) for name in _LANGUAGES}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] >= _NEEDED else ""


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(text: bytes, encoding: str) -> str | None:
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        return None


def _far_eastern(text: bytes, encoding: str) -> float:
    """Return the share of characters that are of everyday text; Japanese is told by its kana."""
    decoded = _decoded(text, encoding)
    if decoded is None:
        return 0
    others = [letter for letter in decoded if not letter.isascii()]
    if encoding in _JAPANESE and sum("\u3040" <= letter <= "\u30ff" for letter in others) < 0.1 * len(others):
        return 0
    if len(others) < max(_FEW, 2 * len(_RUN.findall(decoded))):
        return 0  # as of single letters, between which others stand
    common = sum(_FAR_EAST[encoding].fullmatch(letter.encode(encoding)) is not None for letter in others)
    return common / max(len(others), 1)


def _alphabetic(text: bytes, encoding: str) -> float:
    """Return the share of letters that the best language of an encoding explains."""
    decoded = _decoded(text, encoding)
    if decoded is None:
        return 0
    decoded = f"  {decoded}  "
    is_alone = encoding in _ALONE
    signs = 0
    letters: Counter[str] = Counter()
    count = 0
    for place, letter in enumerate(decoded):
        if letter.isascii():
            continue
        count += 1
        around = decoded[place - 2 : place + 3]
        if letter in _SIGNS or not letter.isalpha():
            signs += letter in _SIGNS and _is_placed(letter, around[1], around[3])
        elif _stands_alone(around) if is_alone else _stands_among(around):
            letters[letter.lower()[0]] += 1
    known = [sum(times for letter, times in letters.items() if letter in own) for own in _LANGUAGES[encoding]]
    if encoding != _USUAL and not max(known):
        return 0  # signs alone, as `€`, tell nothing of others
    best: float = max(known)
    if encoding in _ALONE:
        frequent = sum(times for letter, times in letters.items() if letter in _FREQUENT[encoding])
        best *= min(1, frequent / (_FREQUENTLY * letters.total()))
    elif encoding == _USUAL:  # several of its languages may stand in one table
        best = 0.1 * best + 0.9 * sum(times for letter, times in letters.items() if letter in _ALL_WESTERN)
    return (signs + best) / max(count, 1)


def _is_placed(sign: str, before: str, after: str) -> bool:
    """Tell whether a sign stands where it may."""
    if sign in _BEFORE_WORDS:
        return not before.isalpha()
    if sign in _BEHIND_WORDS:
        return not after.isalpha()
    return sign in _WITHIN_WORDS or not (before.isalpha() and after.isalpha())


def _stands_alone(around: str) -> bool:
    """Tell whether the letter in the middle stands among its like alone."""
    beside = [letter for letter in (around[1], around[3]) if letter.isalpha()]
    return bool(beside) and not any(letter.isascii() for letter in beside)


def _stands_among(around: str) -> bool:
    """Tell whether the letter in the middle stands near ASCII, as no Latin word has five others in a row.

    A capital behind a small letter stands wrong.
    """
    return any(letter.isascii() for letter in around) and not (around[2].isupper() and around[1].islower())

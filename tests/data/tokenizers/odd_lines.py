"""Lines that tokenizers like to read in different ways, drawn with a fixed seed."""

import random
import unicodedata
from functools import cache

SPACES = [" ", "  ", "\t", "\u00a0", "\u3000", "\u2028", "\u2009", "\u200b", "\n", "\r\n", "\x0b", "\x85", ""]
SPECIALS = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[mask]", "<|endoftext|>", "<|EndOfText|>", "<s>"]
ADDED = ["<ent>", "<ENT>", "newword", "NewWord", "Ünïword", "ünïword", "<pad>", "<l>", "<r>", "<w>", "<N>"]
TEXT = (
    "the film was good of a year running unaffable tokenizer doesn't it's can't we've I'm they're 's 3.14"
    " 1,000 2026-11-29 $5 50% hello WORLD Hello straße STRASSE İstanbul ıssız DİYARBAKIR naïve Façade résumé"
    " Ångström Ελλάδα ΣΊΣΥΦΟΣ σίσυφος Москва ЁЛКА מֶלֶךְ العَرَبِيَّة हिन्दी ภาษาไทย 日本語 中文字符 你好world 한국어"
    " \uff46\uff55\uff4c\uff4c ﬁne ½ ² \u212b Å e\u0301t\u0308 a\u0300\u0301\u0302 ᾳ ǅ ẞ ß ſ … — “quoted”"
    " «x» ¿qué? a_b c-d x/y #tag @name <tag> [x] {y} \U0001f469\u200d\U0001f469\u200d\U0001f467 ✨"
    " \U0001f1e9\U0001f1ea \U0001f600 \U00020000 \U0010ffff \ue000 \ufffd \ufeff \u202eright"
)
WORDS = TEXT.split(" ")
CONTROLS = [
    "\x00",
    "\x01",
    "\x1b[31m",
    "\x7f",
    "\u200d",
    "\u200e",
    "\u00ad",
    "\u2060",
    "\ufe0f",
    "\x1c",
    "\x1f",
]
PLANES = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x600), (0x900, 0xE80), (0x1E00, 0x2070)]
PLANES += [(0x2070, 0x2C00), (0x3000, 0x3100), (0x4E00, 0x4F00), (0xAC00, 0xAD00), (0xF900, 0x10000)]
PLANES += [(0x10000, 0x10400), (0x1D400, 0x1D500), (0x1F300, 0x1F700), (0x20000, 0x20100), (0x2F800, 0x2FA20)]
FIXED = ["", " ", "\u2028", "\u3000\u00a0", "a" * 99, "a" * 100, "a" * 101, "é" * 200, "x" * 3000, "日" * 150]
FIXED += [
    f"{left}{token}{right}"
    for token in (*SPECIALS, *ADDED)
    for left in ("", "a", " ", "\u3000")
    for right in ("", "b", " ", "!")
]


@cache
def odd_lines(count: int = 3000) -> list[str]:
    """Return as many lines as are asked for; none holds half of a surrogate pair, which is no text."""
    draw = random.Random(0)
    lines = [*FIXED, *(_line(draw) for _ in range(count - len(FIXED)))]
    assert len(lines) == count and len(set(lines)) > 0.95 * count
    return lines


def _line(draw: random.Random) -> str:
    kinds = [WORDS] * 6 + [SPECIALS, ADDED, CONTROLS, None, None]
    parts = []
    for _ in range(draw.randint(1, 9)):
        kind = draw.choice(kinds)
        word = draw.choice(kind) if kind else _characters(draw)
        parts += [_changed(draw, word), draw.choice([" ", " ", " ", draw.choice(SPACES)])]
    return "".join(parts[: len(parts) - draw.randint(0, 1)])


def _characters(draw: random.Random) -> str:
    first, last = draw.choice(PLANES)
    return "".join(map(chr, (draw.randrange(first, last) for _ in range(draw.randint(1, 4)))))


def _changed(draw: random.Random, word: str) -> str:
    """Return a word as it is, or in another case or form of Unicode."""
    changes = [str.upper, str.lower, str.title, str.swapcase]
    forms = [lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFD", "NFC", "NFKD")]
    return draw.choice([*changes, *forms])(word) if draw.random() < 0.3 else word

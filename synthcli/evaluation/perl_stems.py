"""The stems of ROUGE-1.5.5 `-m`: Porter's (1980) with a change of its author's, after WordNet's exceptions.

Those of rouge-score are Porter's with the extensions of NLTK, and know no exceptions: *women* stays `women`
there and is `woman` here.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.evaluation.perl_rouge import Stem
from synthcli.safe_read import read_text

LISTS = ("adj.exc", "adv.exc", "noun.exc", "verb.exc")
FOLDER = "WordNet-2.0-Exceptions"
ENDINGS = [
    "al",
    "ance",
    "ence",
    "er",
    "ic",
    "able",
    "ible",
    "ant",
    "ement",
    "ou",
    "ism",
    "ate",
    "iti",
    "ous",
    "ive",
    "ize",
]


def read_stems(folder: Path) -> Stem:
    """Return the stemmer of the script, given its folder `data`, or the one of exceptions in it."""
    exceptions = read_exceptions(folder / FOLDER if (folder / FOLDER).is_dir() else folder)
    strip = make_stemmer()
    return cache(lambda word: exceptions.get(word) or strip(word))


def read_exceptions(folder: Path) -> dict[str, str]:
    """Return the stems that lists of WordNet give; of a word in several the last counts."""
    missing = [name for name in LISTS if not (folder / name).is_file()]
    if missing:
        message = f"`{folder}` holds no `{missing[0]}`: it is not the folder `data` of ROUGE-1.5.5"
        raise SynthError(message, f"name the folder that holds `{FOLDER}` of that release")
    lines = [line.split() for name in LISTS for line in read_text(folder / name).splitlines()]
    return {words[0]: words[1] for words in lines if len(words) > 1}


def make_stemmer() -> Callable[[str], str]:
    """Return Porter's stemmer whose step 4 takes endings one after the other: -ement, then -ment, then -ent.

    Porter's looks for the longest alone: *agreement*, which may not lose -ement, stays. Here it loses -ent.
    """
    from nltk.stem.porter import PorterStemmer

    stemmer = PorterStemmer(PorterStemmer.MARTIN_EXTENSIONS)

    def is_long(stem: str) -> bool:
        return bool(stemmer._measure(stem) > 1)

    def precedes_ion(stem: str) -> bool:
        return is_long(stem) and stem[-1] in "st"

    def strip_endings(word: str) -> str:
        for rules in (
            [(ending, "", is_long) for ending in ENDINGS],
            [("ment", "", is_long)],
            [("ent", "", is_long), ("ion", "", precedes_ion)],
        ):
            word = stemmer._apply_rule_list(word, rules)
        return word

    stemmer._step4 = strip_endings
    return lambda word: str(stemmer.stem(word))

"""The table of corpora; importing it reads nothing and needs neither torch nor `datasets`."""

from collections.abc import Callable

from synthcli.data.corpora.ag_news import AG_NEWS
from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.c4 import C4
from synthcli.data.corpora.cnn_dailymail import CNN_DAILYMAIL
from synthcli.data.corpora.codeparrot import CODEPARROT
from synthcli.data.corpora.enwik8 import ENWIK8
from synthcli.data.corpora.exact_answer import COPY, REVERSE, SORT
from synthcli.data.corpora.glue import GLUE
from synthcli.data.corpora.imdb import IMDB
from synthcli.data.corpora.iwslt14_de_en import IWSLT14_DE_EN
from synthcli.data.corpora.lm1b import LM1B
from synthcli.data.corpora.local_files.json_records import own_jsonl
from synthcli.data.corpora.local_files.parallel_files import own_parallel
from synthcli.data.corpora.local_files.tables import own_csv
from synthcli.data.corpora.local_files.text_files import own_text
from synthcli.data.corpora.multi30k import MULTI30K
from synthcli.data.corpora.personachat import PERSONACHAT
from synthcli.data.corpora.pile_wordpiece import PILE_WORDPIECE
from synthcli.data.corpora.source import SPLITS, Row, Source
from synthcli.data.corpora.stdlib_code import BYTES, CODE
from synthcli.data.corpora.stdlib_docstrings import DOCSTRINGS
from synthcli.data.corpora.stdlib_topics import TOPICS
from synthcli.data.corpora.superglue import SUPERGLUE
from synthcli.data.corpora.synthetic_persona_chat import SYNTHETIC_PERSONA_CHAT
from synthcli.data.corpora.text8 import TEXT8
from synthcli.data.corpora.two_letters import TWO_LETTERS
from synthcli.data.corpora.wikitext_2 import WIKITEXT_2, WIKITEXT_2_RAW
from synthcli.data.corpora.wikitext_103 import WIKITEXT_103
from synthcli.data.corpora.wmt14_en_de import WMT14_EN_DE
from synthcli.data.corpora.wmt14_en_fr import WMT14_EN_FR
from synthcli.errors import SynthError, did_you_mean

# A user's own files; each takes options in its name, `csv:text=review`.
OWN: dict[str, Callable[[str], Corpus]] = {
    "text": own_text,
    "jsonl": own_jsonl,
    "csv": own_csv,
    "parallel": own_parallel,
}

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        CODE,
        BYTES,
        DOCSTRINGS,
        TOPICS,
        COPY,
        REVERSE,
        SORT,
        TWO_LETTERS,
        WMT14_EN_DE,
        LM1B,
        CNN_DAILYMAIL,
        AG_NEWS,
        WIKITEXT_2,
        WIKITEXT_2_RAW,
        MULTI30K,
        WMT14_EN_FR,
        IWSLT14_DE_EN,
        WIKITEXT_103,
        ENWIK8,
        TEXT8,
        C4,
        CODEPARROT,
        PILE_WORDPIECE,
        IMDB,
        PERSONACHAT,
        SYNTHETIC_PERSONA_CHAT,
        *GLUE,
        *SUPERGLUE,
        *(own(name) for name, own in OWN.items()),
    )
}


def find_corpus(name: str) -> Corpus:
    """Return a corpus by its name; that of a user's own files may have options."""
    base, colon, _ = name.partition(":")
    if colon and base in OWN:
        return OWN[base](name)
    if name not in CORPORA:
        raise SynthError(f"unknown corpus `{name}`", did_you_mean(name, CORPORA))
    return CORPORA[name]


__all__ = ["CORPORA", "OWN", "SPLITS", "Corpus", "Row", "Source", "find_corpus"]

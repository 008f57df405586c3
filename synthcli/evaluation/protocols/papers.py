"""Which paper used which protocol, and where that is known from; what is not known says so.

`docs/score.md` holds this table, and a test holds the two together.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class PaperFigure:
    """A figure that a paper prints, and what says how it was made; without `protocols` nothing does."""

    paper: str
    where: str  # an arXiv number, or the repository
    task: str
    figure: str
    protocols: tuple[str, ...]
    source: str
    note: str = ""


SCRIPT = "`get_ende_bleu.sh` of its authors' tensor2tensor"
NAMED = f"{SCRIPT} names it as what the script compares with"
NOT_FOUND = "not known: no source that we could read says"
T5 = "`t5/evaluation/metrics.py` of T5"
OWN = "its code"

TAY = ("Tay et al. 2021, Synthesizer", "2005.00743")
REPOSITORY = ("TaraSPande/synthesizer", "github.com/TaraSPande/synthesizer")
NARANG = ("Narang et al. 2021", "2102.11972")
RAFFEL = ("Raffel et al. 2020, T5", "1910.10683")
HE = ("He & Hofmann 2023", "2311.01906")
LEI = ("Lei 2021, SRU++", "2102.12459")
VASWANI = ("Vaswani et al. 2017", "1706.03762")

USES = (
    PaperFigure(
        *VASWANI, "translation", "BLEU, WMT14 en-de", ("bleu-compound",), SCRIPT, "the paper does not say"
    ),
    PaperFigure(*VASWANI, "translation", "BLEU, WMT14 en-fr", (), f"{NOT_FOUND}; {SCRIPT} is for German"),
    PaperFigure(
        "Wu et al. 2016, GNMT", "1609.08144", "translation", "BLEU, WMT14 en-de", ("bleu-compound",), NAMED
    ),
    PaperFigure(
        "Gehring et al. 2017, ConvS2S",
        "1705.03122",
        "translation",
        "BLEU, WMT14 en-de",
        ("bleu-compound",),
        NAMED,
    ),
    PaperFigure(*TAY, "translation", "BLEU, WMT14 en-de and en-fr", (), NOT_FOUND),
    PaperFigure(*TAY, "summarisation", "ROUGE-1, -2, -L, CNN/Daily Mail", (), NOT_FOUND),
    PaperFigure(*TAY, "language-model", "perplexity, LM1B", (), f"{NOT_FOUND} whether by word or by token"),
    PaperFigure(*TAY, "translation", "BLEU-1, PersonaChat", (), NOT_FOUND),
    PaperFigure(*TAY, "classification", "accuracy, AG News", ("accuracy",), "the figure's name"),
    PaperFigure(
        *REPOSITORY,
        "translation",
        "BLEU, WMT14 en-de",
        ("bleu-13a",),
        "`evaluation/bleu_test.py`",
        "of 50 sentences of validation",
    ),
    PaperFigure(
        *REPOSITORY,
        "summarisation",
        "ROUGE-L, CNN/Daily Mail",
        ("rougeL-stemmed",),
        "`evaluation/rougel_test.py`",
        "of 50 articles of validation",
    ),
    PaperFigure(
        *REPOSITORY,
        "language-model",
        "PPL, LM1B",
        ("perplexity",),
        "`evaluation/ppl_test.py`",
        "tokens of GPT-2, padding counted as text: no other program gets it",
    ),
    PaperFigure(
        *REPOSITORY,
        "classification",
        "accuracy, AG News",
        ("accuracy",),
        "`evaluation/acc_test.py`",
        "of 2,000 of 7,600 rows",
    ),
    PaperFigure(
        *NARANG,
        "translation",
        "BLEU, WMT en-de",
        ("bleu-intl",),
        T5,
        "the code that it is built on; that it used this figure of it is not stated where we could read",
    ),
    PaperFigure(
        *NARANG,
        "language-model",
        "early loss, C4",
        ("loss",),
        "Table 1",
        "nats a token of hidden spans, which compares with equal tokens and equal hiding alone",
    ),
    PaperFigure(*RAFFEL, "translation", "BLEU, WMT14 en-de and en-fr", ("bleu-intl",), T5),
    PaperFigure(
        *RAFFEL,
        "summarisation",
        "ROUGE-1, -2, -L, CNN/Daily Mail",
        ("rouge1", "rouge2", "rougeLsum"),
        T5,
        "lines end after ` . `; the median of resamples, not the mean",
    ),
    PaperFigure(
        "See et al. 2017, pointer-generator",
        "1704.04368",
        "summarisation",
        "ROUGE-1, -2, -L, CNN/Daily Mail",
        ("rouge1-perl-m", "rouge2-perl-m", "rougeL-perl-m"),
        "`decode.py` of its code, with the options of pyrouge",
    ),
    PaperFigure(
        *HE, "language-model", "loss, CodeParrot", ("loss",), OWN, "nats a token of its own tokenizer"
    ),
    PaperFigure(*HE, "classification", "CoLA, in GLUE", ("matthews",), "GLUE's figure of the task"),
    PaperFigure(
        *HE,
        "classification",
        "MRPC and QQP, in GLUE",
        (),
        f"{NOT_FOUND} whether accuracy or F1; the table gives one number each",
    ),
    PaperFigure(
        *LEI,
        "language-model",
        "BPC, enwik8",
        ("bits_per_byte_no_end",),
        "`train_enwik8.py`",
        "of one stream of bytes, where no row ends: equal to `bits_per_byte` of ours there",
    ),
    PaperFigure(
        *LEI,
        "language-model",
        "PPL, WikiText-103",
        ("perplexity_per_word",),
        "`data_utils.py`",
        "`<eos>` ends a line; the text's own `<unk>` is a word",
    ),
    PaperFigure(
        *LEI,
        "language-model",
        "PPL, Billion Word",
        ("perplexity_per_word",),
        "`train_lm1b.py`",
        "793,470 words are known, all others are one unknown word",
    ),
    PaperFigure(*LEI, "translation", "BLEU, IWSLT14 de-en", (), NOT_FOUND),
    PaperFigure(
        "Zhong et al. 2022, TRIME",
        "2205.12674",
        "language-model",
        "BPC of SRU++, enwik8",
        ("bits_per_byte_no_end",),
        "the figure's name and corpus",
        "an independent replication",
    ),
)


def papers_of(protocol: str, uses: Iterable[PaperFigure] = USES) -> tuple[str, ...]:
    """Return who used a protocol, each once."""
    return tuple(dict.fromkeys(use.paper for use in uses if protocol in use.protocols))


def unknown_of(task: str) -> tuple[str, ...]:
    """Return the figures of a task of which it is not known how they were made."""
    return tuple(f"{use.paper} ({use.figure})" for use in USES if use.task == task and not use.protocols)

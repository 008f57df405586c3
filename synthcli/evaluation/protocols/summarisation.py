"""What is called ROUGE of summaries."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from synthcli.evaluation.outputs import Outputs, only_references
from synthcli.evaluation.perl_rouge import FIGURES, perl_rouge
from synthcli.evaluation.protocols.settings import CannotScoreError, ProtocolSettings
from synthcli.evaluation.rouge import PROTOCOLS, refuse_unread_letters, rouge_of
from synthcli.evaluation.score import Score


def _rouge(name: str, kind: str, stems: bool, outputs: Outputs, settings: ProtocolSettings) -> Score:
    references = only_references(outputs, "rouge")
    refuse_unread_letters(references, settings.rouge_tokenizer)
    if stems:
        refuse_unicode(settings)
    score = rouge_of(kind, outputs.hypotheses, references, settings.rouge_tokenizer, stems)
    return replace(score, name=name)


def _perl(name: str, kind: str, stems: bool, outputs: Outputs, settings: ProtocolSettings) -> Score:
    references = only_references(outputs, "rouge")
    refuse_unicode(settings)
    if stems and settings.stem is None:
        message = "it needs the exceptions of WordNet that come with the script"
        raise CannotScoreError(message, "name the script's folder: `--rouge-data ROUGE-1.5.5/data`")
    return perl_rouge(name, kind, outputs.hypotheses, references, settings.stem if stems else None)


def refuse_unicode(settings: ProtocolSettings) -> None:
    """Raise where a protocol has a tokenizer of its own, and another is asked for."""
    if settings.rouge_tokenizer != "ascii":
        message = f"it reads a to z alone, and `--rouge-tokenizer {settings.rouge_tokenizer}` more"
        raise CannotScoreError(message, "leave the tokenizer out")


SUMMARISATION: dict[str, Callable[[Outputs, ProtocolSettings], Score]] = {
    **{kind: partial(_rouge, kind, kind, False) for kind in PROTOCOLS},
    **{f"{kind}-stemmed": partial(_rouge, f"{kind}-stemmed", kind, True) for kind in PROTOCOLS},
    **{
        (name := f"{kind.removesuffix('sum')}-perl{option}"): partial(_perl, name, kind, option == "-m")
        for option in ("", "-m")
        for kind in FIGURES
    },
}

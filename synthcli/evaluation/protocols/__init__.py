"""Every protocol that outputs can be scored by, by task: what papers call BLEU, ROUGE or perplexity."""

from collections.abc import Callable, Mapping

from synthcli.evaluation.outputs import Outputs
from synthcli.evaluation.protocols.classification import CLASSIFICATION
from synthcli.evaluation.protocols.counts import LANGUAGE_MODEL, TextCounts
from synthcli.evaluation.protocols.settings import ProtocolSettings
from synthcli.evaluation.protocols.summarisation import SUMMARISATION
from synthcli.evaluation.protocols.translation import TRANSLATION
from synthcli.evaluation.score import Score

TEXT_PROTOCOLS: Mapping[str, Mapping[str, Callable[[Outputs, ProtocolSettings], Score]]] = {
    "translation": TRANSLATION,
    "summarisation": SUMMARISATION,
    "classification": CLASSIFICATION,
}
COUNT_PROTOCOLS: Mapping[str, Callable[[TextCounts], Score]] = LANGUAGE_MODEL


def list_protocols() -> dict[str, tuple[str, ...]]:
    """Return the names of protocols of every task."""
    return {name: tuple(found) for name, found in TEXT_PROTOCOLS.items()} | {
        "language-model": tuple(COUNT_PROTOCOLS)
    }

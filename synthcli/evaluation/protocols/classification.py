"""What is called accuracy and F1 of classes; a class is a text, white space around it apart."""

from collections.abc import Callable

import numpy as np

from synthcli.errors import SynthError, did_you_mean
from synthcli.evaluation.accuracy import exact_match
from synthcli.evaluation.bootstrap import Array, Sampled
from synthcli.evaluation.confusion import count_cells, f1_of_all, f1_of_one, matthews_correlation
from synthcli.evaluation.outputs import Outputs, only_references
from synthcli.evaluation.protocols.settings import CannotScoreError, ProtocolSettings
from synthcli.evaluation.score import Score

MOST_CELLS = 5 * 10**7  # of 8 bytes


def _score_accuracy(outputs: Outputs, settings: ProtocolSettings) -> Score:
    (score,) = exact_match(outputs.hypotheses, only_references(outputs, "accuracy"))
    return Score("accuracy", score.sampled, "classes that are right, in per cent", _sign(outputs))


def _micro(outputs: Outputs, settings: ProtocolSettings) -> Score:
    """Return F1 of counts summed over classes: of one class a sample it is the accuracy."""
    sampled = _score_accuracy(outputs, settings).sampled
    protocol = "100 · F1 of right, predicted and true summed over classes; equals accuracy"
    return Score("f1_micro", sampled, protocol, f"{_sign(outputs)}|average:micro")


def _macro(outputs: Outputs, settings: ProtocolSettings) -> Score:
    protocol = "100 · F1, the mean over classes that are true or predicted somewhere"
    signature = f"{_sign(outputs)}|average:macro"
    return Score("f1_macro", Sampled(_count_classes(outputs), f1_of_all), protocol, signature)


def _matthews(outputs: Outputs, settings: ProtocolSettings) -> Score:
    protocol = "100 · Matthews' correlation of predicted and true classes; 0 where one of them is constant"
    return Score("matthews", Sampled(_count_classes(outputs), matthews_correlation), protocol, _sign(outputs))


def _positive(outputs: Outputs, settings: ProtocolSettings) -> Score:
    """Return F1 of one class."""
    name, names = settings.positive, _names(outputs)
    if name is None:
        raise CannotScoreError("it is of one class, and none is named", "name it: `--positive CLASS`")
    if name not in names:
        raise SynthError(f"`--positive {name}` is no class of these", did_you_mean(name, names))
    others = [other for other in names if other != name]
    order = [*others[:1], name, *others[1:]] if others else [f"not {name}", name]
    protocol = f"100 · F1 of the class {name}"
    signature = f"{_sign(outputs)}|average:binary|positive:{name}"
    return Score("f1", Sampled(_count_classes(outputs, order), f1_of_one), protocol, signature)


def _names(outputs: Outputs) -> list[str]:
    references = only_references(outputs, "accuracy")
    return sorted({text.strip() for text in (*outputs.hypotheses, *references)})


def _sign(outputs: Outputs) -> str:
    return f"classes:{len(_names(outputs))}"


def _count_classes(outputs: Outputs, order: list[str] | None = None) -> Array:
    """Return the table of true by predicted classes of every sample, in the order of names."""
    places = {name: place for place, name in enumerate(order or _names(outputs))}
    if len(outputs.hypotheses) * len(places) ** 2 > MOST_CELLS:
        message = f"{len(places):,} different classes: their table has no room"
        raise CannotScoreError(message, "a line is the name of a class, and nothing else")
    predictions = [places[text.strip()] for text in outputs.hypotheses]
    labels = [places[text.strip()] for text in only_references(outputs, "accuracy")]
    return count_cells(np.array(predictions), np.array(labels), len(places))


CLASSIFICATION: dict[str, Callable[[Outputs, ProtocolSettings], Score]] = {
    "accuracy": _score_accuracy,
    "f1_micro": _micro,
    "f1_macro": _macro,
    "f1": _positive,
    "matthews": _matthews,
}

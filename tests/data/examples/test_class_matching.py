"""Classes are matched by name, whatever their order; what a model does not know is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from synthcli.data.examples.class_matching import IN_ANOTHER_ORDER, UNKNOWN, ModelClasses
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.errors import SynthError
from tests.data.small import BYTES, ag_news

NAMES = ("no", "yes", "perhaps")
HINT = "name a corpus of the model's classes, or teach it these: `synth finetune … --corpus news`"


@pytest.mark.parametrize(
    ("theirs", "places", "note"),
    [
        (NAMES, [0, 1, 2], None),
        (("yes", "perhaps", "no"), [1, 2, 0], IN_ANOTHER_ORDER),
        (("perhaps", "yes"), [2, 1], IN_ANOTHER_ORDER),
        (("no", "yes"), [0, 1], None),
        (("No", "YES"), [0, 1], None),
    ],
)
def test_each_class_of_a_corpus_has_its_place(
    theirs: tuple[str, ...], places: list[int], note: str | None
) -> None:
    classes = ModelClasses(3, NAMES)
    found = classes.match_classes("news", theirs)
    assert found.tolist() == places
    assert classes.describe_match(theirs, found) == note


def test_capitals_tell_classes_apart_where_both_are_there() -> None:
    classes = ModelClasses(3, ("it", "IT", "us"))
    assert classes.match_classes("news", ("IT", "it", "US")).tolist() == [1, 0, 2]
    with pytest.raises(SynthError) as error:
        classes.match_classes("news", ("It",))
    assert error.value.message == "`news` has the class `It`, and the model knows `it`, `IT`, `us`"
    with pytest.raises(SynthError) as error:
        classes.match_classes("news", ("us", "US"))
    assert error.value.message == (
        "the classes `us`, `US` of `news` are not told apart by the model's names `it`, `IT`, `us`"
    )
    assert error.value.hint == HINT


def test_classes_a_model_does_not_know_are_refused_by_name() -> None:
    with pytest.raises(SynthError) as error:
        ModelClasses(3, NAMES).match_classes("news", ("yes", "no", "perhaps", "never", "always"))
    assert str(error.value) == (
        "`news` has the classes `never`, `always`, and the model knows `no`, `yes`, `perhaps`\nhint: " + HINT
    )


def test_without_names_the_number_has_to_be_the_same() -> None:
    classes = ModelClasses(3)
    found = classes.match_classes("news", ("yes", "perhaps", "no"))
    assert found.tolist() == [0, 1, 2]
    assert classes.describe_match(("yes", "perhaps", "no"), found) == UNKNOWN
    for theirs in (("yes", "no"), ("a", "b", "c", "d")):
        with pytest.raises(SynthError) as error:
            classes.match_classes("news", theirs)
        listed = ", ".join(f"`{name}`" for name in theirs)
        count = f"{len(theirs)} classes, {listed}, and the model has 3, which nobody named"
        assert str(error.value) == f"`news` has {count}\nhint: {HINT}"


def test_labels_are_the_models_numbers(tmp_path: Path) -> None:
    store = prepare_store("ag-news", BYTES, tmp_path / "stores", ag_news(tmp_path / "data"))
    rows = np.arange(store.rows("train"))
    plain = Examples(store, "train", "classification", max_source=9).collate(rows)["labels"]
    names = ("Sci/Tech", "World", "Sports", "Business", "Weather")
    examples = Examples(store, "train", "classification", max_source=9, classes=ModelClasses(5, names))
    labels = examples.collate(rows)["labels"]
    assert plain is not None and labels is not None
    assert [names[place] for place in labels.tolist()] == [store.class_names[n] for n in plain.tolist()]
    assert len(set(plain.tolist())) == 4 and plain.dtype == labels.dtype
    assert examples.note == IN_ANOTHER_ORDER

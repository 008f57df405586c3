"""What a model card says of how its model was trained."""

from synthcli.evaluation.result import Result
from synthcli.jobs.export.card import search_of
from synthcli.jobs.export.recipe import recipe_of, title_of
from synthcli.presets import load_preset

HOUR = "`synth train wmt14-dense --scale hour`"


def test_a_preset_as_it_is_repeats_the_model() -> None:
    experiment = load_preset("wmt14-dense", "hour")
    assert recipe_of(experiment.fit_to_store(experiment.model.vocab_size - 7)) == f"{HOUR} repeats it."


def test_what_was_changed_is_said_but_not_where_files_lie() -> None:
    changes = ("data.corpus=multi30k", "training.steps=120", "data.source=/home/me/corpus")
    experiment = load_preset("wmt14-dense", "hour", None, changes)
    steps = load_preset("wmt14-dense", "hour").training.steps
    assert recipe_of(experiment) == (
        f'{HOUR} with other settings: `data.corpus`: "wmt14-en-de" → "multi30k", '
        f"`training.steps`: {steps} → 120."
    )


def test_a_title_that_names_another_corpus_is_left_out() -> None:
    assert title_of(load_preset("wmt14-dense", "hour")) == load_preset("wmt14-dense").title
    assert title_of(load_preset("wmt14-dense", "smoke")) is None
    assert title_of(load_preset("wmt14-dense", "hour", None, ["data.corpus=multi30k"])) is None


def test_no_command_repeats_a_preset_of_another_name() -> None:
    experiment = load_preset("wmt14-dense", "smoke").model_copy(update={"name": "mine"})
    assert recipe_of(experiment) is None
    assert title_of(experiment) == experiment.title


def result(metric: str, **options: object) -> Result:
    table = {
        "metric": metric,
        "figures": [],
        "samples": 1,
        "split_size": 1,
        "limit": None,
        "options": options,
    }
    names = ("corpus", "split", "store", "checkpoint")
    rest = {"step": 1, "notes": [], "seconds": 1.0, "versions": {}}
    return Result.from_json(table | dict.fromkeys(names, "x") | rest)


def test_a_figure_of_written_texts_says_how_they_were_searched_for() -> None:
    assert search_of(result("bleu", beam=4, length_penalty=0.6)) == "; beam 4, length penalty 0.6"
    assert search_of(result("rouge", beam=1, length_penalty=0.6)) == "; greedy"
    assert search_of(result("perplexity", beam=4)) == ""


def test_the_names_of_classes_are_the_stores() -> None:
    experiment = load_preset("agnews-dense", "hour")
    fitted = experiment.fit_to_store(experiment.model.vocab_size, ("World", "Sports", "Business", "Sci/Tech"))
    assert fitted.model.class_names is not None
    assert recipe_of(fitted) == "`synth train agnews-dense --scale hour` repeats it."

"""Every reason for which a configuration is refused, message by message."""

from typing import Any

import pytest
from pydantic import ValidationError

from synthcli.errors import SynthError
from synthcli.model import ModelConfig, build
from synthcli.model.contract import shapes

STACK = {"layers": 2, "max_length": 12}
CAUSAL = {"task": "causal-lm", "decoder": STACK}
MASKED = {"task": "masked-lm", "encoder": STACK}
SEQ2SEQ = {"task": "seq2seq", "encoder": STACK, "decoder": STACK}
CLASSES = {"task": "classification", "encoder": STACK, "num_classes": 3}
SRU, SRUPP = {"kind": "sru"}, {"kind": "srupp", "projection": 6}
RECURRENT = {"block": "recurrent", "d_ff": None}
FIRST = "layer 0 of the decoder: "


def validated(*tables: dict[str, Any]) -> ModelConfig:
    values = {"vocab_size": 30, "d_model": 12, "d_ff": 20, "mixer": {"heads": 3}}
    for table in tables:
        values |= table
    return ModelConfig.model_validate({key: value for key, value in values.items() if value is not None})


PARTS = [
    (SEQ2SEQ, {"encoder": None}, '`task = "seq2seq"` needs `[model.encoder]`'),
    (CAUSAL, {"encoder": STACK}, '`task = "causal-lm"` has no `[model.encoder]`'),
    (MASKED, {"decoder": STACK}, '`task = "masked-lm"` has no `[model.decoder]`'),
    (CLASSES, {"encoder": None}, '`task = "classification"` needs `[model.encoder]`'),
    (CLASSES, {"num_classes": None}, '`task = "classification"` needs `num_classes`'),
    (CAUSAL, {"num_classes": 2}, '`task = "causal-lm"` has no `num_classes`'),
    *(
        (
            CLASSES,
            {"head": {"output": output}},
            f'`task = "classification"` with `head.output = "{output}"` has no `num_classes`',
        )
        for output in ("regression", "choice")
    ),
    (CAUSAL, {"cross": {"heads": 3}}, '`task = "causal-lm"` has no `[model.cross]`'),
    (CAUSAL, {"d_ff": None}, '`d_ff`: `block = "pre-norm"` has a feed-forward and needs its width'),
    (
        CAUSAL,
        {"block": "recurrent", "mixer": SRU},
        '`d_ff = 20`: `block = "recurrent"` has no feed-forward; leave it out',
    ),
    (
        CAUSAL,
        {"decoder": {**STACK, "layer_mixers": {2: {"heads": 3}}}},
        "`layer_mixers.2` is not a layer of this stack, allowed: 0 to 1",
    ),
]
TOO_SMALL = 'a projection of kind "identity" needs 12 columns, and `heads = 3` times `d_head = 5` is 15'
MIXERS = [
    (CAUSAL, {"mixer": {"heads": 5}}, f"{FIRST}`heads = 5` does not divide `d_model = 12`"),
    (
        CAUSAL,
        {"decoder": {**STACK, "layer_mixers": {1: {"heads": 7}}}},
        "layer 1 of the decoder: `heads = 7` does not divide `d_model = 12`",
    ),
    (
        SEQ2SEQ,
        {"encoder": {**STACK, "mixer": {"heads": 8}}},
        "layer 0 of the encoder: `heads = 8` does not divide `d_model = 12`",
    ),
    (CAUSAL, {"mixer": {"heads": 3, "d_head": 5, "value": "identity"}}, FIRST + TOO_SMALL),
    (
        CAUSAL,
        {"mixer": {"heads": 3, "d_head": 5, "scores": [{"kind": "dot-product", "query": "input"}]}},
        (
            f'{FIRST}`query = "input"` makes queries 12 wide, and `heads = 3` times `d_head = 5` is 15; '
            'use `query = "projection"`'
        ),
    ),
    (
        CAUSAL,
        {"mixer": {"heads": 3, "d_head": 5, "last_output": {"kind": "residual"}}},
        FIRST + TOO_SMALL.replace("identity", "residual"),
    ),
    *(
        (
            CAUSAL,
            {"mixer": {"heads": 5, "d_head": 4, "scores": [{"kind": kind}]}},
            (
                f'{FIRST}a `{kind}` score with `input = "head"` gives each head a slice of the input, and '
                '`heads = 5` does not divide `d_model = 12`; use `input = "model"`'
            ),
        )
        for kind in ("dense", "factorized-dense")
    ),
    (
        CAUSAL,
        {"block": "recurrent", "d_ff": None},
        (
            f'{FIRST}`block = "recurrent"` has neither a skip nor a feed-forward, and `attention` needs '
            'both; use `block = "pre-norm"`, or a mixer of kind "sru" or "srupp"'
        ),
    ),
    (
        CAUSAL,
        {**RECURRENT, "mixer": {**SRU, "bidirectional": True}},
        f"{FIRST}`bidirectional` reads the future, which a decoder has to predict",
    ),
    (
        SEQ2SEQ,
        {"decoder": {**STACK, "mixer": {**SRUPP, "bidirectional": True}}},
        f"{FIRST}`bidirectional` reads the future, which a decoder has to predict",
    ),
    *(
        (
            task,
            {"mixer": {"kind": "linformer", "heads": 3}},
            f'{FIRST}`kind = "linformer"` reads the future, which a decoder has to predict',
        )
        for task in (CAUSAL, SEQ2SEQ)
    ),
    *(
        (
            MASKED,
            {"mixer": {"kind": kind, "heads": 5}},
            "layer 0 of the encoder: `heads = 5` does not divide `d_model = 12`",
        )
        for kind in ("linformer", "dynamic-convolution", "lightweight-convolution")
    ),
    (
        MASKED,
        {**RECURRENT, "d_model": 7, "mixer": {**SRU, "bidirectional": True}},
        "layer 0 of the encoder: `bidirectional` halves `d_model = 7`, which is odd; set `hidden`",
    ),
    (CAUSAL, {"mixer": {**SRUPP, "heads": 4}}, "`heads = 4` does not divide `projection = 6`"),
    (
        CAUSAL,
        {"mixer": {**SRU, "rescale": True, "skip": False}},
        "`rescale` scales the skipped input, and `skip = false` has none",
    ),
    (
        CAUSAL,
        {"mixer": {"heads": 3, "shaping": {"trainable": False, "identity": 0.0, "attention": 0.0}}},
        "`identity = 0` and `attention = 0` leave nothing of the input",
    ),
    (
        CAUSAL,
        {"mixer": {"heads": 3, "mix": "gate", "scores": [{"kind": "random"}] * 3}},
        '`mix = "gate"` weighs two scores, got 3; use "softmax" or "sum"',
    ),
]
CROSS = [
    (SEQ2SEQ, {"cross": {"heads": 5}}, "`[model.cross]`: `heads = 5` does not divide `d_model = 12`"),
    (
        SEQ2SEQ,
        {"cross": {"heads": 3, "shaping": {}}},
        (
            "`[model.cross]` has `shaping`: α I + β A − γ C needs as many queries as keys, and a memory has "
            "a length of its own"
        ),
    ),
]
NO_DOTS = (
    '`embeddings.positions = "rotary"` turns queries and keys, and this mixer compares none; '
    'use "learned" or "sinusoidal" positions'
)
ROTARY = {"embeddings": {"positions": "rotary"}}
EMBEDDINGS = [
    (CAUSAL, {"embeddings": {"cutoffs": [5, 5]}}, "`cutoffs` = [5, 5] must rise from above 0"),
    (CAUSAL, {"embeddings": {"cutoffs": [0, 5]}}, "`cutoffs` = [0, 5] must rise from above 0"),
    (CAUSAL, {"embeddings": {"cutoffs": [30]}}, "`embeddings.cutoffs` ends at 30, the vocabulary at 30"),
    (
        CAUSAL,
        {"embeddings": {"cutoffs": [5, 9], "div_val": 4}},
        "`embeddings.div_val = 4` leaves cluster 2 of words nothing of vectors 12 wide",
    ),
    (
        CAUSAL,
        {"embeddings": {"max_positions": 11}},
        "`embeddings.max_positions = 11` is less than `max_length = 12`",
    ),
    (
        MASKED,
        {"embeddings": {"d_embed": 4}, "head": {"transform": True}},
        "`head.transform` has no place before an adaptive softmax; leave one of them out",
    ),
    (CAUSAL, {**ROTARY, "mixer": {"heads": 3, "scores": [{"kind": "random"}]}}, FIRST + NO_DOTS),
    (
        MASKED,
        {**ROTARY, "mixer": {"kind": "linformer", "heads": 3}},
        f"layer 0 of the encoder: {NO_DOTS}",
    ),
    (CAUSAL, {**ROTARY, **RECURRENT, "mixer": SRU}, FIRST + NO_DOTS),
    (
        CAUSAL,
        {"embeddings": {"positions": "alibi"}, **RECURRENT, "mixer": SRU},
        FIRST
        + '`embeddings.positions = "alibi"` lowers scores by the distance of query and key, and this mixer '
        'compares none; use "learned" or "sinusoidal" positions',
    ),
    (
        CAUSAL,
        {**ROTARY, **RECURRENT, "mixer": {**SRUPP, "scores": [{"kind": "dense"}]}},
        FIRST + NO_DOTS,
    ),
    *(
        (
            {**CAUSAL},
            {"head": head},
            '`head.pooler` and `head.output` belong to `task = "classification"`, not "causal-lm"',
        )
        for head in ({"pooler": True}, {"output": "choice"})
    ),
    *(
        (
            CLASSES,
            {"head": head},
            "`head.transform` and `head.bias` belong to language models; a classifier has `pooler`",
        )
        for head in ({"transform": True}, {"bias": True})
    ),
]
IGNORED = [
    (
        CAUSAL,
        {"negative_slope": 0.2, "activation": "relu"},
        '`negative_slope = 0.2` is that of "leaky-relu", not of "relu"',
    ),
    (
        CAUSAL,
        {"embeddings": {"div_val": 2, "d_embed": 8}},
        "`embeddings.div_val = 2` divides widths of clusters; give `cutoffs` too",
    ),
    (
        CAUSAL,
        {"embeddings": {"positions": "sinusoidal", "max_positions": 99}},
        '`embeddings.max_positions` is the length of a learned table, not of "sinusoidal"',
    ),
    (
        CAUSAL,
        {**RECURRENT, "mixer": {**SRUPP, "attention_every": 5}},
        'layer 0 of the decoder: `attention_every = 5` gives none of 2 layers attention; use kind "sru"',
    ),
]
REFUSED = [*PARTS, *MIXERS, *CROSS, *EMBEDDINGS, *IGNORED]


@pytest.mark.parametrize(("task", "change", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_it_is_refused_with_the_reason(task: dict[str, Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        validated(task, change)
    assert error.value.errors()[0]["msg"] == f"Value error, {message}"


ACCEPTED = [
    (CAUSAL, {}),
    (CAUSAL, {**RECURRENT, "mixer": SRUPP, **ROTARY}),
    (CAUSAL, {"mixer": {"heads": 5, "d_head": 4, "scores": [{"kind": "dense", "input": "model"}]}}),
    (CAUSAL, {"mixer": {"heads": 5, "d_head": 4}}),
    (CAUSAL, {"block": "skipless", "mixer": {"heads": 5, "d_head": 4}}),
    (CAUSAL, {**ROTARY, "mixer": {"heads": 3, "scores": [{"kind": "random"}, {"kind": "dot-product"}]}}),
    (CAUSAL, {"embeddings": {"cutoffs": [29], "div_val": 12, "max_positions": 12}}),
    (MASKED, {**RECURRENT, "mixer": {**SRUPP, "bidirectional": True, "hidden": 5}}),
    (SEQ2SEQ, {"encoder": {**STACK, "mixer": {**SRU, "bidirectional": True}}, "block": "skipless"}),
    (SEQ2SEQ, {"encoder": {**STACK, "mixer": {"kind": "linformer", "heads": 3, "k": 20}}}),
    (CLASSES, {"num_classes": None, "head": {"output": "choice", "pooler": True}}),
]


@pytest.mark.parametrize(("task", "change"), ACCEPTED, ids=str)
def test_what_is_beside_the_border_is_accepted_and_runs(task: dict[str, Any], change: dict[str, Any]) -> None:
    shapes(validated(task, change))


def test_a_divisor_that_does_not_divide_is_refused_when_the_model_is_built() -> None:
    config = validated(CAUSAL, {"mixer": {"heads": 3, "scores": [{"kind": "factorized-dense", "a": 5}]}})
    with pytest.raises(SynthError) as error:
        build(config)
    assert error.value.message == "`a = 5` of factorized-dense does not divide the length 12"
    assert error.value.hint == "use a divisor of 12, or leave `a` out"


def test_an_unknown_key_and_an_unknown_kind_are_refused() -> None:
    for change in ({"head": {"pools": "mean"}}, {"mixer": {"kind": "convolution"}}, {"block": "no-norm"}):
        with pytest.raises(ValidationError):
            validated(CAUSAL, change)

"""Keywords and inputs of `forward` that models of transformers take, and what each means.

A case gives them to a model and says, by other calls of the same model, what comes out. It is tried on
transformers' own model too, so that the meaning is theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers import DynamicCache

from tests.exporters.keyword_meanings import (
    IGNORED,
    Batch,
    Outputs,
    after_four,
    continued,
    count_items,
    counted,
    embedded,
    embedded_target,
    encoded,
    half_the_loss,
    loss_of,
    losses,
    maps_of,
    own_labels,
    packed,
    plain,
    run,
    states_of,
    typed,
    whole_mask,
)


@dataclass(frozen=True)
class Case:
    """`give` returns keywords beside (or, if None, instead of) those of a batch; `mean` what is expected."""

    name: str
    tasks: str  # initials: causal-lm, seq2seq, masked-lm, classification, regression, choice
    give: Callable[[Any, Batch], Batch]
    mean: Callable[[Any, Batch], Outputs]
    keyword: str = ""  # what an error names; the first word of the name where it is empty

    @property
    def word(self) -> str:
        return self.keyword or self.name.split()[0]


def fixed(**values: Any) -> Callable[[Any, Batch], Batch]:
    """Give the same to every model."""
    return lambda model, batch: values


EVERY, READERS, WRITERS = "csmkro", "mkro", "cs"
KEPT = torch.tensor([1, 4, 5])

CASES = (
    Case(
        "attention_mask left out",
        EVERY,
        fixed(attention_mask=None),
        lambda m, b: {"logits": run(m, b, attention_mask=torch.ones_like(b["attention_mask"])).logits},
    ),
    Case("attention_mask of bool", EVERY, lambda m, b: {"attention_mask": b["attention_mask"].bool()}, plain),
    Case(
        "attention_mask of float", EVERY, lambda m, b: {"attention_mask": b["attention_mask"].float()}, plain
    ),
    Case("attention_mask of four axes", "c", lambda m, b: {"attention_mask": whole_mask(b)}, plain),
    Case("input_ids of int32", EVERY, lambda m, b: {"input_ids": b["input_ids"].int()}, plain),
    Case("position_ids as counted", "cmkr", lambda m, b: {"position_ids": counted(b)}, plain),
    Case(
        "position_ids of packed texts",
        "c",
        lambda m, b: {
            "attention_mask": None,
            "position_ids": torch.cat((counted(b)[:, :4], counted(b)[:, :5]), 1),
            "use_cache": False,
        },
        packed,
    ),
    Case(
        "token_type_ids of the first type",
        READERS,
        lambda m, b: {"token_type_ids": torch.zeros_like(b["input_ids"])},
        plain,
    ),
    Case(
        "token_type_ids of the second type",
        "mkr",
        lambda m, b: {"token_type_ids": torch.ones_like(b["input_ids"])},
        typed,
    ),
    Case(
        "inputs_embeds",
        EVERY,
        lambda m, b: {"input_ids": None, "inputs_embeds": embedded(m, b["input_ids"])},
        plain,
    ),
    Case("output_hidden_states", EVERY, fixed(output_hidden_states=True), states_of),
    Case("output_attentions", EVERY, fixed(output_attentions=True), maps_of),
    Case("return_dict", EVERY, fixed(return_dict=False), lambda m, b: {"[0]": run(m, b).logits}),
    Case(
        "return_dict with labels",
        EVERY,
        lambda m, b: {"return_dict": False, "labels": own_labels(m, b)},
        lambda m, b: {"[0]": losses(m, b).mean(), "[1]": run(m, b).logits},
    ),
    Case(
        "use_cache off", WRITERS, fixed(use_cache=False), lambda m, b: plain(m, b) | {"past_key_values": None}
    ),
    Case("past_key_values of a call before", WRITERS, continued, after_four),
    Case(
        "past_key_values of transformers, empty",
        "c",
        lambda m, b: {"past_key_values": DynamicCache(), "attention_mask": None},
        lambda m, b: {"logits": run(m, b, attention_mask=None).logits},
    ),
    Case("logits_to_keep", "c", fixed(logits_to_keep=2), lambda m, b: {"logits": run(m, b).logits[:, -2:]}),
    Case(
        "logits_to_keep as positions",
        "c",
        fixed(logits_to_keep=KEPT),
        lambda m, b: {"logits": run(m, b).logits[:, KEPT]},
    ),
    Case("labels", EVERY, lambda m, b: {"labels": own_labels(m, b)}, loss_of),
    Case(
        "labels that all do not count",
        "ck",
        lambda m, b: {"labels": torch.full_like(own_labels(m, b), IGNORED)},
        plain,
    ),
    Case(
        "num_items_in_batch",
        "c",
        lambda m, b: {"labels": own_labels(m, b), "num_items_in_batch": count_items(m, b)},
        half_the_loss,
    ),
    Case(
        "num_items_in_batch as a tensor",
        "c",
        lambda m, b: {"labels": own_labels(m, b), "num_items_in_batch": torch.tensor(count_items(m, b))},
        half_the_loss,
    ),
    Case(
        "shift_labels",
        "c",
        lambda m, b: {
            "labels": own_labels(m, b),
            "shift_labels": F.pad(own_labels(m, b)[:, 1:], (0, 1), value=IGNORED),
        },
        loss_of,
    ),
    Case("encoder_outputs", "s", lambda m, b: {"input_ids": None, "encoder_outputs": encoded(m, b)}, plain),
    Case(
        "encoder_outputs as a tuple",
        "s",
        lambda m, b: {"input_ids": None, "encoder_outputs": encoded(m, b).to_tuple()},
        plain,
    ),
    Case(
        "labels alone",
        "s",
        lambda m, b: {"decoder_input_ids": None, "labels": own_labels(m, b).abs()},
        lambda m, b: {
            "logits": run(
                m, b, decoder_input_ids=m.prepare_decoder_input_ids_from_labels(own_labels(m, b).abs())
            ).logits
        },
    ),
    Case(
        "decoder_attention_mask",
        "s",
        lambda m, b: {"decoder_attention_mask": torch.ones_like(b["decoder_input_ids"])},
        plain,
    ),
    Case(
        "decoder_inputs_embeds",
        "s",
        lambda m, b: {"decoder_input_ids": None, "decoder_inputs_embeds": embedded_target(m, b)},
        plain,
    ),
    Case(
        "encoder_last_hidden_state",
        "s",
        fixed(),
        lambda m, b: {"encoder_last_hidden_state": encoded(m, b)[0]},
    ),
)

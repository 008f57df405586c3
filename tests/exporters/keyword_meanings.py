"""What keywords of `forward` mean, said by other calls of the same model."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BATCH, LENGTH, SOURCE, CHOICES = 3, 9, 7, 2
LENGTHS = (9, 4, 7)
IGNORED = -100

Batch = dict[str, Any]
Outputs = dict[str, Any]


def run(model: Any, batch: Batch, **given: Any) -> Any:
    """Call a model without gradient; None takes an input away."""
    merged = {name: value for name, value in (batch | given).items() if value is not None}
    with torch.no_grad():
        return model(**merged)


def batch_for(task: str) -> Batch:
    """Return tokens and the mask of rows that end in padding; a target has none."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(4, 250, (BATCH, LENGTH), generator=generator)
    mask = (torch.arange(LENGTH) < torch.tensor(LENGTHS)[:, None]).long()
    batch = {"input_ids": tokens, "attention_mask": mask}
    if task == "choice":
        return {name: torch.stack([rows, rows.flip(0)], 1) for name, rows in batch.items()}
    if task == "seq2seq":
        batch["decoder_input_ids"] = torch.randint(4, 250, (BATCH, SOURCE), generator=generator)
    return batch


def plain(model: Any, batch: Batch) -> Outputs:
    return {"logits": run(model, batch).logits}


def embedded(model: Any, tokens: Tensor) -> Tensor:
    """Return what `inputs_embeds` stands for: the vectors of words."""
    vectors: Tensor = model.get_input_embeddings()(tokens)
    return vectors.detach()


def counted(batch: Batch) -> Tensor:
    tokens = batch["input_ids"]
    return torch.arange(tokens.shape[-1]).expand((*tokens.shape[:-1], -1)).reshape(-1, tokens.shape[-1])


def packed(model: Any, batch: Batch) -> Outputs:
    """Return the logits of texts of 4 and 5 tokens, each alone in its row."""
    tokens = batch["input_ids"]
    halves = [run(model, {"input_ids": part}).logits for part in (tokens[:, :4], tokens[:, 4:])]
    return {"logits": torch.cat(halves, 1)}


def own_labels(model: Any, batch: Batch) -> Tensor:
    """Return labels that fit the task; some are not counted."""
    task = type(model).__name__
    rows = torch.arange(BATCH)
    if task.endswith("MultipleChoice"):
        return rows % CHOICES
    if task.endswith("SequenceClassification"):
        return rows / 3 if model.config.problem_type == "regression" else rows % 3
    labels = batch.get("decoder_input_ids", batch["input_ids"]).clone()
    labels[:, ::4] = IGNORED
    return labels


def loss_of(model: Any, batch: Batch) -> Outputs:
    return {"loss": losses(model, batch).mean()}


def losses(model: Any, batch: Batch) -> Tensor:
    """Return the loss of every label that counts."""
    labels, logits = own_labels(model, batch), run(model, batch).logits
    if labels.is_floating_point():
        return (logits[:, 0] - labels) ** 2
    if type(model).__name__.endswith(("CausalLM", "LMHeadModel")):
        logits, labels = logits[:, :-1], labels[:, 1:]
    every = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none", ignore_index=IGNORED)
    return every[labels.flatten() != IGNORED]


def half_the_loss(model: Any, batch: Batch) -> Outputs:
    return {"loss": losses(model, batch).mean() / 2}


def count_items(model: Any, batch: Batch) -> int:
    return 2 * len(losses(model, batch))


def states_of(model: Any, batch: Batch) -> Outputs:
    """Return the last of the hidden states as the stack without head gives it, and how many there are."""
    stack, given = model.base_model, batch
    if "choice" in batch or batch["input_ids"].dim() == 3:
        given = {name: rows.flatten(0, 1) for name, rows in batch.items()}
    last = run(stack, given).last_hidden_state
    layers = model.config.num_hidden_layers
    name = "decoder_hidden_states" if model.config.is_encoder_decoder else "hidden_states"
    return {f"{name}[-1]": last, f"len({name})": layers + 1}


def maps_of(model: Any, batch: Batch) -> Outputs:
    """Return how many maps of attention there are, and that a decoder's look at nothing later."""
    name = "decoder_attentions" if model.config.is_encoder_decoder else "attentions"
    is_causal = name in ("decoder_attentions",) or type(model).__name__.endswith(("CausalLM", "LMHeadModel"))
    return {f"len({name})": model.config.num_hidden_layers} | ({f"later({name})": 0.0} if is_causal else {})


def continued(model: Any, batch: Batch) -> Batch:
    """Return the last tokens and what the model kept of those before."""
    name = "decoder_input_ids" if model.config.is_encoder_decoder else "input_ids"
    tokens = batch[name]
    first = run(
        model, batch | {"attention_mask": source_mask(model, batch)}, **{name: tokens[:, :4]}, use_cache=True
    )
    return {
        name: tokens[:, 4:],
        "past_key_values": first.past_key_values,
        "attention_mask": source_mask(model, batch),
        "use_cache": True,
    }


def source_mask(model: Any, batch: Batch) -> Tensor | None:
    return batch["attention_mask"] if model.config.is_encoder_decoder else None


def after_four(model: Any, batch: Batch) -> Outputs:
    return {"logits": run(model, batch, attention_mask=source_mask(model, batch)).logits[:, 4:]}


def whole_mask(batch: Batch) -> Tensor:
    """Return the additive mask (batch, 1, queries, keys) of causal attention to what is no padding."""
    allowed = torch.ones(LENGTH, LENGTH).tril() * batch["attention_mask"][:, None]
    return torch.zeros_like(allowed).masked_fill(allowed == 0, torch.finfo(torch.float32).min)[:, None]


def encoded(model: Any, batch: Batch) -> Any:
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    return run(model.get_encoder(), given)


def typed(model: Any, batch: Batch) -> Outputs:
    """Return the logits with the vector of the second type in place of the first."""
    (table,) = (
        module.weight
        for name, module in model.named_modules()
        if name.rpartition(".")[2] in ("token_types", "token_type_embeddings") and module is not None
    )
    vectors = embedded(model, batch["input_ids"]) + (table[1] - table[0]).detach()
    return {"logits": run(model, batch, input_ids=None, inputs_embeds=vectors).logits}


def embedded_target(model: Any, batch: Batch) -> Tensor:
    return embedded(model, batch["decoder_input_ids"])

"""The number of parameters of a model by arithmetic on its configuration, written apart from the model."""

from synthcli.model.config import ModelConfig, StackConfig
from synthcli.model.mixers import AttentionConfig
from synthcli.model.scores.factorized_dense import largest_divisor_below_root


def parameters_of(config: ModelConfig) -> int:
    """Count embeddings, stacks and head."""
    d, vocab = config.d_model, config.vocab_size
    lengths = [s.max_length for s in (config.encoder, config.decoder) if s is not None]
    count = sum(length * d for length in lengths) if config.embeddings.positions == "learned" else 0
    matrices = {"all": 1, "output": len(lengths), "none": len(lengths) + 1}[config.embeddings.tie]
    if config.task == "classification":
        assert config.num_classes is not None
        count += vocab * d + config.num_classes * (d + 1)
    else:
        count += matrices * vocab * d
    if config.encoder is not None:
        count += _stack(config, config.encoder, None)
    if config.decoder is not None:
        count += _stack(config, config.decoder, config.max_source_length)
    return count


def _stack(config: ModelConfig, stack: StackConfig, memory: int | None) -> int:
    d, f, n = config.d_model, config.d_ff, stack.max_length
    count = 2 * d if config.block.kind == "pre-norm" else 0
    for layer in range(stack.layers):
        count += _attention(config.mixer_of(stack, layer), d, n, n) + (d * f + f) + (f * d + d) + 2 * 2 * d
        if memory is not None:
            cross = config.cross_attention
            reads_x = any(score.kind not in ("random", "factorized-random") for score in cross.scores)
            count += _attention(cross, d, n, memory)
            count += 2 * d if reads_x or config.block.kind == "post-norm" else 0
    return count


def _attention(config: AttentionConfig, d: int, queries: int, keys: int) -> int:
    h = config.heads
    count = 2 * (d * d + d)
    if len(config.scores) > 1:
        count += {"sum": 0, "gate": h, "softmax": h * len(config.scores)}[config.mix]
    for score in config.scores:
        if score.kind == "dot-product":
            count += 2 * (d * d + d)
        elif score.kind == "random":
            count += h * queries * keys
        elif score.kind == "factorized-random":
            count += h * score.rank * (queries + keys)
        else:
            width, groups = (d // h, h) if score.input == "head" else (d, 1)
            hidden = score.hidden or width
            outputs = keys
            if score.kind == "factorized-dense":
                a = score.a or largest_divisor_below_root(keys)
                outputs = a + keys // a
            count += groups * (width * hidden + hidden) + h * (hidden * outputs + outputs)
    return count

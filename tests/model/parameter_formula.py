"""The number of parameters of a model by arithmetic on its configuration, written apart from the model."""

from typing import Any

from synthcli.model.scores.factorized_dense import largest_divisor_below_root
from synthcli.model_config.model import ModelConfig
from synthcli.model_config.parts import StackConfig

NORM = {"layer": lambda d: 2 * d, "rms": lambda d: d, "dyt": lambda d: 2 * d + 1, "none": lambda d: 0}


def parameters_of(config: ModelConfig) -> int:
    """Count embeddings, stacks and head of a model without adaptive embeddings."""
    d, vocab = config.d_model, config.vocab_size
    lengths = [s.max_length for s in (config.encoder, config.decoder) if s is not None]
    count = sum(length * d for length in lengths) if config.embeddings.positions == "learned" else 0
    if config.embeddings.projection == "none":
        assert config.embeddings.d_embed is not None
        count = sum(lengths) * config.embeddings.d_embed if count else 0
        count -= (d - config.embeddings.d_embed) * vocab * len(lengths)
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
    d, n, block = config.d_model, stack.max_length, config.block
    count = 0 if block.kind in ("post-norm", "recurrent") else 2 * d
    reach = 2 * n if config.is_recurrent else n  # a segment and the one before it
    norm = NORM[getattr(block, "norm", "layer")](d)
    for layer in range(stack.layers):
        reads = config.embeddings.d_embed if layer == 0 and config.embeddings.projection == "none" else d
        assert reads is not None
        count += _mixer(config.mixer_of(stack, layer), d, reach, reach, layer, stack.layers, reads)
        if block.kind != "recurrent":
            d_ff = stack.layer_d_ff.get(layer, config.d_ff)
            reads_x = config.mixer_of(stack, layer).kind != "none" or block.kind not in (
                "pre-norm",
                "skipless",
            )
            reads_x |= getattr(block, "skip_from", "stream") == "norm"
            count += (d + 1) * d_ff + (d_ff + 1) * d
            count += norm if "parallel" in block.kind else norm + norm * reads_x
            if block.norm == "none" and layer == 0 and block.kind != "post-norm" and reads_x:
                count += 2 * d
            if block.trainable_gains:
                names = ("skip", "mixer_skip", "mixer_residual", "feed_forward_skip", "feed_forward_residual")
                count += sum(getattr(block, name, None) is not None for name in names)
        if memory is not None:
            cross = config.cross_attention
            reads_x = any(score.kind not in ("random", "factorized-random") for score in cross.scores)
            reads_x |= getattr(block, "skip_from", "stream") == "norm"
            count += _mixer(cross, d, n, memory, layer, stack.layers, d)
            if "parallel" not in block.kind and (reads_x or block.kind == "post-norm"):
                count += norm
    return count


def _mixer(config: Any, d: int, queries: int, keys: int, layer: int, layers: int, reads: int) -> int:
    """`reads` is the width of the input, `d` that of the output."""
    if config.kind in ("linear", "none"):
        return d * d + d if config.kind == "linear" else d
    if config.kind in BASELINES:
        return BASELINES[config.kind](config, d, keys, layer)
    if config.kind == "attention":
        return _attention(config, d, queries, keys, layer, layers)
    width = (config.hidden * (2 if config.bidirectional else 1)) if config.hidden else d
    columns = (4 if config.skip and width != reads else 3) * width
    count = 4 * width + (width * d if width != d else 0)
    count += {"none": 0, "before": 2 * reads, "after": 2 * width}[config.layer_norm]
    if config.kind == "sru":
        p = config.projection
        return count + (reads * columns if p is None else reads * p + p * columns)
    p, last = config.projection, config.attention_last
    attends = (layer + 1) % config.attention_every == 0 if last is None else layer >= layers - last
    count += reads * p + p * columns + (2 * p if config.inner_norm else 0)
    if not attends:
        return count
    return count + 1 + p * p + _scores(config, p, p // config.heads, queries, keys)


def _attention(config: Any, d: int, queries: int, keys: int, layer: int, layers: int) -> int:
    inner = config.heads * (config.d_head or d // config.heads)
    value = config.first_value if layer == 0 and config.first_value else config.value
    output = config.last_output if layer == layers - 1 and config.last_output else config.output
    count = _projection(value, d, inner) + _projection(output, inner, d)
    if config.shaping is not None and config.shaping.trainable:
        learnt = 3 if config.shaping.trainable is True else len(config.shaping.trainable)
        count += learnt * (config.heads if config.shaping.per_head else 1)
    return count + _scores(config, d, inner // config.heads, queries, keys)


def _projection(config: Any, d_in: int, d_out: int) -> int:
    if config.kind == "identity":
        return 0
    gains = 2 if config.kind == "residual" and config.trainable_gains else 0
    return d_in * d_out + (d_out if config.bias else 0) + gains


def _scores(config: Any, d: int, d_head: int, queries: int, keys: int) -> int:
    h, count = config.heads, 0
    if len(config.scores) > 1:
        count += {"sum": 0, "gate": h, "softmax": h * len(config.scores)}[config.mix]
    for score in config.scores:
        if score.kind == "dot-product":
            maps = 2 if score.query == "projection" else 1
            count += maps * (d * h * d_head + (h * d_head if score.bias else 0)) + 2 * NORM[score.qk_norm](
                d_head
            )
        elif score.kind == "relative":
            count += h * d_head * (3 * d + 2 + (2 if score.bias else 0))
        elif score.kind == "random":
            count += h * queries * keys
        elif score.kind == "factorized-random":
            count += h * score.rank * (queries + keys)
        else:
            width, groups = (d // h, h) if score.input == "head" else (d, 1)
            hidden = score.hidden or width  # of what the last map reads
            first = 0 if score.hidden == 0 else groups * (width * hidden + hidden)
            outputs = keys
            if score.kind == "factorized-dense":
                a = score.a or largest_divisor_below_root(keys)
                outputs = a + keys // a
            count += first + h * (hidden * outputs + outputs)
    return count


def _linformer(config: Any, d: int, keys: int, layer: int) -> int:
    inner = config.heads * (config.d_head or d // config.heads)
    tables = {"none": 2 * config.heads, "heads": 2, "key-value": 1}[config.sharing]
    return 3 * (d + 1) * inner + (inner + 1) * d + tables * config.k * keys


def _convolution(config: Any, d: int, keys: int, layer: int) -> int:
    kernels = config.heads * config.kernel[min(layer, len(config.kernel) - 1)]
    own = d * kernels if config.kind == "dynamic-convolution" else kernels
    return (d + 1) * d * (2 if config.gated else 1) + own + (d + 1) * d


BASELINES = {
    "linformer": _linformer,
    "dynamic-convolution": _convolution,
    "lightweight-convolution": _convolution,
    "transformer-xl": lambda config, d, keys, layer: _attention(config.attention, d, keys, keys, 1, 3),
}

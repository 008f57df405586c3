"""Where models come from. Adding an origin is a file here and a line in `ORIGINS`."""

from synthcli.interop.hugging_face import bert, gpt2, own
from synthcli.interop.originals import simplified_blocks as blocks_weights
from synthcli.interop.originals import simplified_spares, srupp_scale
from synthcli.interop.originals import srupp as srupp_weights
from synthcli.interop.originals import synthesizer as synthesizer_weights
from synthcli.interop.origins import bert_blocks, simplified_blocks, srupp, synthesizer
from synthcli.interop.origins.base import Arrival, Origin, Request
from synthcli.interop.origins.bert_blocks import read_bert_blocks
from synthcli.interop.origins.hugging_face import read_hugging_face
from synthcli.interop.origins.simplified_blocks import read_simplified_blocks
from synthcli.interop.origins.srupp import read_srupp
from synthcli.interop.origins.synthesizer import read_synthesizer

ORIGINS: dict[str, Origin] = {
    "hf": Origin(
        "a Hugging Face folder of BERT, of GPT-2, or of ours",
        read_hugging_face,
        {},
        refusals=(*bert.REFUSALS, bert.PROBLEM, *gpt2.REFUSALS[:-1]),
        spares=(*bert.SPARES, *gpt2.SPARES, own.POOLER),
    ),
    "synthesizer": Origin(
        "github.com/TaraSPande/synthesizer",
        read_synthesizer,
        synthesizer.OPTIONS,
        takes_heads=True,
        refusals=synthesizer_weights.CHOICES,
        spares=synthesizer_weights.SPARES,
        structures=synthesizer.STRUCTURES,
    ),
    "simplified-blocks": Origin(
        "github.com/bobby-he/simplified_transformers",
        read_simplified_blocks,
        simplified_blocks.OPTIONS,
        refusals=blocks_weights.REFUSALS,
        spares=simplified_spares.SPARES,
        structures=blocks_weights.STRUCTURES,
    ),
    "srupp": Origin(
        "github.com/asappresearch/sru",
        read_srupp,
        srupp.OPTIONS,
        takes_heads=True,
        refusals=srupp_weights.REFUSALS,
        spares=srupp_scale.SPARES,
        structures=srupp.STRUCTURES,
    ),
    "bert-blocks": Origin(
        "github.com/sdeepaknarayanan/simplifying-transformers",
        read_bert_blocks,
        bert_blocks.OPTIONS,
        takes_heads=True,
        takes_base=True,
        structures=bert_blocks.STRUCTURES,
    ),
}

__all__ = ["ORIGINS", "Arrival", "Origin", "Request"]

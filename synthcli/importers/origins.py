"""Where models come from: the registry. Adding an origin is a folder here and a line in `ORIGINS`."""

from synthcli.importers.base import Origin
from synthcli.importers.bert_blocks import read as bert_blocks
from synthcli.importers.hugging_face import bert, gpt2, own_export
from synthcli.importers.hugging_face.read import read_hugging_face
from synthcli.importers.simplified_blocks import read as simplified_blocks
from synthcli.importers.simplified_blocks import spares as blocks_spares
from synthcli.importers.simplified_blocks import weight_map as blocks_weights
from synthcli.importers.srupp import read as srupp
from synthcli.importers.srupp import scale as srupp_scale
from synthcli.importers.srupp import weight_map as srupp_weights
from synthcli.importers.synthesizer import read as synthesizer
from synthcli.importers.synthesizer import weight_map as synthesizer_weights

ORIGINS: dict[str, Origin] = {
    "hf": Origin(
        "a Hugging Face folder of BERT, of GPT-2, or of ours",
        read_hugging_face,
        {},
        refusals=(*bert.REFUSALS, bert.PROBLEM, *gpt2.REFUSALS[:-1]),
        spares=(*bert.SPARES, *gpt2.SPARES, own_export.POOLER),
    ),
    "synthesizer": Origin(
        "github.com/TaraSPande/synthesizer",
        synthesizer.read_synthesizer,
        synthesizer.OPTIONS,
        takes_heads=True,
        refusals=synthesizer_weights.CHOICES,
        spares=synthesizer_weights.SPARES,
        structures=synthesizer.STRUCTURES,
    ),
    "simplified-blocks": Origin(
        "github.com/bobby-he/simplified_transformers",
        simplified_blocks.read_simplified_blocks,
        simplified_blocks.OPTIONS,
        refusals=blocks_weights.REFUSALS,
        spares=blocks_spares.SPARES,
        structures=blocks_weights.STRUCTURES,
    ),
    "srupp": Origin(
        "github.com/asappresearch/sru",
        srupp.read_srupp,
        srupp.OPTIONS,
        takes_heads=True,
        refusals=srupp_weights.REFUSALS,
        spares=srupp_scale.SPARES,
        structures=srupp.STRUCTURES,
    ),
    "bert-blocks": Origin(
        "github.com/sdeepaknarayanan/simplifying-transformers",
        bert_blocks.read_bert_blocks,
        bert_blocks.OPTIONS,
        takes_heads=True,
        takes_base=True,
        structures=bert_blocks.STRUCTURES,
    ),
}

"""Small folders as the transformers library writes them, tokenizer and all."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LINES = ["the film was good", "a film of the year", "was it the year of the film", "Ünïcode, 123!"] * 3
END = "<|endoftext|>"
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def gpt2_folder(folder: Path, **options: Any) -> transformers.GPT2LMHeadModel:
    """A GPT-2 of 2 layers with a byte-level vocabulary of its own; its end is also its beginning."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    words.train_from_iterator(
        LINES,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=END, eos_token=END, unk_token=END
    )
    sizes = {"n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 32}
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    config = transformers.GPT2Config(vocab_size=len(tokenizer), **(sizes | ends | options))
    return _saved(transformers.GPT2LMHeadModel(config), tokenizer, folder)


def bert_folder(folder: Path) -> transformers.BertForMaskedLM:
    """A BERT of 2 layers whose pieces are the words of `LINES`."""
    pieces = [*MARKS, *sorted({word for line in LINES for word in line.lower().split()}), "##s", "?"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.txt").write_text("\n".join(pieces) + "\n")
    tokenizer = transformers.BertTokenizerFast(vocab=str(folder / "words.txt"))
    (folder / "words.txt").unlink()
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=24,
    )
    return _saved(transformers.BertForMaskedLM(config), tokenizer, folder)


def _saved(model: Any, tokenizer: Any, folder: Path) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.eval()

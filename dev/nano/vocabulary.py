"""The embedded model's tokenizer: byte-level BPE over the project's own texts, with whole tokens for fixed wordings.

Any text can be encoded, since every byte is a token. A fixed wording (the instruction, CV-Bench's own phrases, the
clauses of the reasoning, the answer tags) is one token each, so that question and reasoning are short enough for a
small model on a CPU; decoding gives the wording back letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from nano.tokens import END_OF_TEXT, SPECIAL_TOKENS
from reinforcesight import protocol
from reinforcesight.data_gen.questions import reasoning
from reinforcesight.errors import require_module
from reinforcesight.language.sentences.phrases import CLAIM_PHRASES

transformers = require_module("transformers", extra="train")

_SLOT = re.compile(r"\{[^}]*\}|<[xy]>")


def _fixed_parts() -> tuple[str, ...]:
    """The text between the objects' names in all reasoning patterns: clauses of two words or more.

    Each begins with the space before it, except for openings, which begin a text.
    """
    patterns = [
        *reasoning.PLACED_APART,
        *reasoning._PLACED_TOGETHER,
        *reasoning._APART.values(),
        *reasoning._OVERLAP.values(),
        *(text for group in (reasoning._DEPTHS, reasoning._DISTANCES) for texts in group.values() for text in texts),
        *(reasoning._WELL_APART, reasoning._GAP_AGREES),
        *(text for texts in reasoning._LEADS.values() for text in texts),
        *reasoning._LEADS_TOGETHER,
        *reasoning._WORD_ENDINGS,
        *reasoning._NAME_ENDINGS,
        *reasoning._YES_ENDINGS,
        *reasoning._NO_ENDINGS,
        reasoning._OPTION_NAMES,
        reasoning._OPTION_WORDS,
        "{x} the answer is option {x}.",
        "As for the options, {x}",
        *(f"{{x}} is option {protocol.letter(i)}" for i in range(6)),
        *(f"{{x}} {words}" for words in reasoning._SHORT.values()),
        *(f"{{x}} {phrase}" for phrases in CLAIM_PHRASES.values() for phrase in phrases),
        *(f"{{x}} {words}" for bands in reasoning.POSITION_WORDS.values() for band in bands for words in band),
        *(f"{{x}} {words}" for _, words in reasoning.NEARNESS),
    ]
    parts = [f" {part}" for text in patterns for part in _SLOT.split(text) if part[:1].isalpha()]
    parts += [part for text in patterns for part in _SLOT.split(text) if not part[:1].isalpha()]
    parts += [part for texts in reasoning._OPENINGS.values() for text in texts for part in _SLOT.split(text)]
    return tuple(dict.fromkeys(part.rstrip() for part in parts if len(part.split()) > 1))


_COLOURS = ("red", "blue", "green")
FIXED_WORDINGS: tuple[str, ...] = (
    protocol.REASON_INSTRUCTION,
    protocol.DIRECT_INSTRUCTION,
    " Select from the following choices.\n",
    # CV-Bench's questions between the names of the objects.
    "Considering the relative positions of",
    " in the image provided, where is",
    " located with respect to",
    "Which object is closer to the camera taking this photo,",
    "Which object is farther from the camera taking this photo,",
    "Estimate the real-world distances between objects in this image. Which object is closer to",
    "Estimate the real-world distances between objects in this image. Which object is farther from",
    *(f" (annotated by the {colour} box)" for colour in _COLOURS),
    *(f" (highlighted by a {colour} box)" for colour in _COLOURS),
    *(f" in the {colour} box" for colour in _COLOURS),
    # What stands between the names in reasoning, so that a thought is a few dozen tokens.
    *_fixed_parts(),
    *(f"({protocol.letter(i)})" for i in range(6)),
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<point>",
    "</point>",
)
# Words keep their leading space; punctuation and digits stand alone.
_WORDS = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]|\s+"


def train_vocabulary(texts: Iterable[str], size: int) -> Any:
    """A tokenizer trained on texts; deterministic for the same texts.

    Args:
        texts: Questions, reasoning and answers of the kind that the model will read and write.
        size: Entries before the fixed wordings are added; bytes and special tokens take 264 of them.

    Returns:
        A ``PreTrainedTokenizerFast`` with Qwen's special tokens in Qwen's order.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    core.add_tokens([AddedToken(text, normalized=False) for text in FIXED_WORDINGS])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token=END_OF_TEXT,
        additional_special_tokens=[t for t in SPECIAL_TOKENS if t not in {END_OF_TEXT, "<|im_end|>"}],
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )

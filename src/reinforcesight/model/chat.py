"""The chat format that training, evaluation and ``ask`` share, and generation with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from jinja2 import TemplateError
from PIL import Image

from reinforcesight.errors import ConfigError, InputError
from reinforcesight.judge.blocks import opened_block, with_opened_block
from reinforcesight.model.template import MAX_RENDERED

Message = Mapping[str, Any]

# After a sampled image placeholder, the next forward pass would expect another picture.
_PLACEHOLDERS = (
    "<|image_pad|>",
    "<|video_pad|>",
    "<|vision_pad|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<image>",
    "<video>",
    "<image_soft_token>",
)
_PLACEHOLDER_IDS = (
    "image_token_id",
    "image_token_index",
    "video_token_id",
    "video_token_index",
    "vision_start_token_id",
    "vision_end_token_id",
)


_PROMPT_END = 16  # last tokens of a prompt that are searched for "<think>"


@dataclass(frozen=True)
class Generation:
    """One generated completion.

    Attributes:
        text: Text without special tokens; starts with ``<think>`` if the chat template ends the prompt with that tag.
        token_count: Number of generated tokens, including the end token.
        finished: Whether the model ended the completion, not the length limit.
    """

    text: str
    token_count: int
    finished: bool


def user_message(prompt: str, *, with_image: bool = True) -> dict[str, Any]:
    """Return a user turn: the picture first, then the text."""
    content: list[dict[str, str]] = [{"type": "image"}] if with_image else []
    return {"role": "user", "content": [*content, {"type": "text", "text": prompt}]}


def structured(messages: Sequence[Message], *, with_image: bool = True) -> list[dict[str, Any]]:
    """Return messages whose contents are lists of parts; the picture goes into the first plain-text user turn."""
    result: list[dict[str, Any]] = []
    pending = with_image
    for message in messages:
        content = message["content"]
        if not isinstance(content, str):
            result.append(dict(message))
            pending = pending and not any(part.get("type") == "image" for part in content)
        elif message["role"] == "user":
            result.append(user_message(content, with_image=pending))
            pending = False
        else:
            result.append({"role": message["role"], "content": [{"type": "text", "text": content}]})
    return result


def chat_text(
    processor: Any,
    messages: Sequence[Message],
    add_generation_prompt: bool = True,
    *,
    with_image: bool = True,
) -> str:
    """Render messages with the checkpoint's chat template, with the picture in the first plain-text user turn.

    Special tokens in the messages are rendered as plain text.

    Raises:
        ConfigError: The checkpoint has no chat template.
        InputError: The template can't be rendered.
    """
    if not getattr(processor, "chat_template", None):
        raise ConfigError(
            "the checkpoint has no chat template",
            fix="choose an instruction-tuned model, such as Qwen2.5-VL-Instruct",
        )
    plain = plain_messages(processor, structured(messages, with_image=with_image))
    try:
        text = str(processor.apply_chat_template(plain, tokenize=False, add_generation_prompt=add_generation_prompt))
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"the chat template can't be rendered: {' '.join(str(error).split())[:200]}") from error
    if len(text) > MAX_RENDERED:
        raise InputError(f"the chat template writes more than {MAX_RENDERED} characters for one question")
    return text


def plain_messages(processor: Any, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Insert a space after the first character of special tokens in the texts, which makes them plain text.

    Otherwise an image placeholder in a question would need a picture, and an end-of-turn token would end the question.
    """
    added = getattr(getattr(processor, "tokenizer", None), "added_tokens_decoder", {}).values()
    special = {token.content for token in added if token.special}
    special |= {str(getattr(processor, name)) for name in ("image_token", "video_token") if hasattr(processor, name)}
    longest_first = sorted((token for token in special if len(token) > 1), key=len, reverse=True)
    if not longest_first:
        return [dict(message) for message in messages]
    found = re.compile("|".join(re.escape(token) for token in longest_first))

    def plain(text: str) -> str:
        return found.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)

    result = []
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            result.append({**message, "content": plain(content)})
            continue
        parts = [{**part, "text": plain(part["text"])} if part.get("type") == "text" else part for part in content]
        result.append({**message, "content": parts})
    return result


def training_texts(processor: Any, prompt: Sequence[Message], completion: Sequence[Message]) -> tuple[str, str]:
    """Return the prompt exactly as in generation, and the completion with its end-of-turn token."""
    before = chat_text(processor, prompt)
    whole = chat_text(processor, [*prompt, *completion], add_generation_prompt=False)
    opened = opened_block(before)
    if opened and whole.startswith(f"{before.removesuffix(opened)}<think>"):
        # The template ends the prompt with "<think>", so the completion starts after that tag, as in generation.
        return before, whole[len(before) - len(opened) + len("<think>") :].lstrip("\n")
    if not whole.startswith(before):
        # The template renders the prompt differently if an answer follows: the common prefix is the prompt.
        before = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, whole, strict=False)))
    return before, whole[len(before) :]


def encode(processor: Any, texts: Sequence[str], images: Sequence[Image.Image | None]) -> Any:
    """Tokenise a batch of rendered texts, each with its picture or ``None``, padded on the left.

    Returns:
        ``input_ids`` and ``attention_mask`` (B, T), and the picture tensors if there are pictures.
    """
    nested = [[image.convert("RGB")] if image is not None else [] for image in images]
    return processor(
        text=list(texts),
        images=nested if any(nested) else None,
        padding=True,
        padding_side="left",
        add_special_tokens=False,  # the template has already added them
        return_tensors="pt",
    )


def suppressed_token_ids(processor_or_model: Any) -> list[int]:
    """Return the ids of image, video and vision tokens, which must not be sampled."""
    ids: set[int] = set()
    config = getattr(processor_or_model, "config", None)
    for holder in (processor_or_model, config):
        for name in _PLACEHOLDER_IDS:
            value = getattr(holder, name, None)
            if isinstance(value, int):
                ids.add(value)
    tokenizer = getattr(processor_or_model, "tokenizer", None)
    if tokenizer is not None:
        vocabulary = tokenizer.get_vocab()
        ids.update(vocabulary[token] for token in _PLACEHOLDERS if token in vocabulary)
        ids.discard(tokenizer.eos_token_id)
    return sorted(ids)


def generate_text(
    model: Any,
    processor: Any,
    prompts: Sequence[str],
    images: Sequence[Image.Image | None],
    max_new_tokens: int,
    *,
    batch_size: int = 16,
    temperature: float = 0.0,
    synced_gpus: bool | None = None,
) -> list[Generation]:
    """Answer user prompts, in batches.

    Args:
        model: A model in evaluation mode.
        prompts: Plain user texts, to which the chat format is applied.
        images: One picture per prompt, or ``None`` for a text-only prompt.
        temperature: Sampling temperature; 0 decodes greedily.
        synced_gpus: Passed to transformers' ``generate``; needed if weights are sharded over processes.
    """
    if len(prompts) != len(images):
        raise ValueError(f"{len(prompts)} prompts but {len(images)} pictures")
    results: list[Generation] = []
    for start in range(0, len(prompts), batch_size):
        rows = range(start, min(start + batch_size, len(prompts)))
        texts = [
            chat_text(processor, [user_message(prompts[i], with_image=images[i] is not None)], with_image=False)
            for i in rows
        ]
        batch = encode(processor, texts, [images[i] for i in rows])
        results.extend(generate_encoded(model, processor, batch, max_new_tokens, temperature, synced_gpus))
    return results


def generate_encoded(
    model: Any, processor: Any, batch: Any, max_new_tokens: int, temperature: float, synced_gpus: bool | None
) -> list[Generation]:
    """Generate for one batch made by :func:`encode`, without vision tokens; ``temperature`` 0 decodes greedily."""
    import torch

    from reinforcesight.model.repeated_pictures import inner_model

    inner = inner_model(model)
    inputs = {
        key: value.to(inner.device, inner.dtype if value.is_floating_point() else None) for key, value in batch.items()
    }
    sampling: dict[str, Any] = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
    greedy: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    with torch.inference_mode():
        output = model.generate(
            **inputs,
            **(sampling if temperature > 0 else greedy),
            max_new_tokens=max_new_tokens,
            # Qwen's generation_config.json sets 1.05, which distorts answers that repeat the options.
            repetition_penalty=1.0,
            suppress_tokens=suppressed_token_ids(processor),
            use_cache=True,
            synced_gpus=synced_gpus,
        )
    new_ids = output[:, inputs["input_ids"].shape[1] :].tolist()
    ends = end_token_ids(inner, processor)
    opened = opened_block(processor.tokenizer.decode(inputs["input_ids"][0, -_PROMPT_END:].tolist()))
    return [_read(ids, ends, processor, opened) for ids in new_ids]


def _read(ids: list[int], ends: set[int], processor: Any, opened: str) -> Generation:
    stop = next((i for i, token in enumerate(ids) if token in ends), None)
    kept = ids if stop is None else ids[:stop]
    text = processor.tokenizer.decode(kept, skip_special_tokens=True)
    text = with_opened_block(text, opened) if opened else text
    return Generation(text, len(kept) + (stop is not None), stop is not None)


def end_token_ids(model: Any, processor: Any) -> set[int]:
    ids = model.generation_config.eos_token_id
    known = set(ids) if isinstance(ids, list) else {ids} if ids is not None else set()
    return known | {processor.tokenizer.eos_token_id}

"""The vLLM engine, written against vllm 0.31 (``LLM``, ``SamplingParams``, ``LoRARequest``).

It renders prompts with the same code as the transformers engine, so the two differ only in arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinforcesight.errors import ConfigError, InputError, require_module
from reinforcesight.eval.answers import Response
from reinforcesight.eval.config import VllmConfig
from reinforcesight.eval.engines.base import Decoding, model_identity
from reinforcesight.eval.items import Request
from reinforcesight.jobs.files import json_value
from reinforcesight.judge.blocks import opened_block, with_opened_block
from reinforcesight.pictures.decode import decode_rgb

if TYPE_CHECKING:
    from reinforcesight.model.options import ModelConfig, ModelSource

# Requests per call of vLLM, which forms its own batches. Answers are saved after each call.
_ROUND = 256
# The lowest logit bias that vLLM accepts; tokens with it are never chosen.
_NEVER = -100.0
# Values that vLLM 0.31 accepts for max_lora_rank.
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


class VllmEngine:
    """Generation with vLLM's offline ``LLM``."""

    name = "vllm"
    by_id = False

    def __init__(self, config: ModelConfig, options: VllmConfig, decoding: Decoding) -> None:
        vllm = require_module("vllm", extra="vllm")
        from reinforcesight.model.chat import suppressed_token_ids
        from reinforcesight.model.load import sound_source
        from reinforcesight.model.processor import load_processor

        source = sound_source(config)
        self._processor = load_processor(source, config)
        self._llm = vllm.LLM(**engine_arguments(config, source, options, decoding))
        self._sampling = vllm.SamplingParams(**sampling_arguments(decoding, suppressed_token_ids(self._processor)))
        self._adapter = None
        if source.adapter is not None:
            lora = require_module("vllm.lora.request", extra="vllm")
            self._adapter = lora.LoRARequest("adapter", 1, source.adapter)
        self.description = describe(config, source, options, str(vllm.__version__))
        self.identity = model_identity(self.description)

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        for start in range(0, len(requests), _ROUND):
            asked: list[int] = []
            prompts: list[dict[str, Any]] = []
            for index in range(start, min(start + _ROUND, len(requests))):
                try:
                    prompts.append(self._prompt(requests[index]))
                    asked.append(index)
                except InputError:
                    yield index, None
            outputs = self._llm.generate(
                prompts,
                self._sampling,
                use_tqdm=False,
                lora_request=self._adapter,
                tokenization_kwargs={"add_special_tokens": False},  # the template contains them
            )
            for index, prompt, output in zip(asked, prompts, outputs, strict=True):
                completion = output.outputs[0]
                opened = opened_block(prompt["prompt"])
                yield (
                    index,
                    Response(
                        with_opened_block(completion.text, opened) if opened else completion.text,
                        truncated=completion.finish_reason == "length",
                        tokens=len(completion.token_ids),
                    ),
                )

    def _prompt(self, request: Request) -> dict[str, Any]:
        from reinforcesight.model.chat import chat_text, user_message

        data = request.picture
        picture = None if data is None else decode_rgb(data)
        message = user_message(request.text, with_image=picture is not None)
        prompt: dict[str, Any] = {"prompt": chat_text(self._processor, [message], with_image=False)}
        if picture is not None:
            prompt["multi_modal_data"] = {"image": picture}
        return prompt


def engine_arguments(
    config: ModelConfig, source: ModelSource, options: VllmConfig, decoding: Decoding
) -> dict[str, Any]:
    """Return the arguments of ``vllm.LLM``.

    Raises:
        ConfigError: vLLM does not support the quantisation or the adapter's rank.
    """
    if config.quantization != "none":
        # Removed before 0.31 (vllm/model_executor/layers/quantization/__init__.py).
        raise ConfigError(
            "vLLM does not load bitsandbytes weights",
            where=f"model.quantization={config.quantization}",
            fix="use none, or --engine transformers",
        )
    arguments: dict[str, Any] = {
        "model": source.base,
        "revision": source.base_revision,
        "tokenizer": source.base,
        "tokenizer_revision": source.base_revision,
        "trust_remote_code": config.trust_remote_code,
        "dtype": config.dtype,
        "seed": decoding.seed,
        "limit_mm_per_prompt": {"image": 1, "video": 0},
        **options.model_dump(exclude_none=True),
    }
    pixels = {"min_pixels": config.min_pixels, "max_pixels": config.max_pixels}
    given = {name: value for name, value in pixels.items() if value is not None}
    if given:
        arguments["mm_processor_kwargs"] = given
    if source.adapter is not None:
        arguments |= {"enable_lora": True, "max_lora_rank": _lora_rank(source.adapter)}
    return arguments


def sampling_arguments(decoding: Decoding, suppressed: Sequence[int]) -> dict[str, Any]:
    """Return the arguments of ``vllm.SamplingParams`` for greedy decoding without vision tokens."""
    return {
        "temperature": 0.0,
        "max_tokens": decoding.max_new_tokens,
        "repetition_penalty": 1.0,
        "logit_bias": dict.fromkeys(suppressed, _NEVER),
        "skip_special_tokens": True,
    }


def describe(config: ModelConfig, source: ModelSource, options: VllmConfig, version: str) -> dict[str, Any]:
    """Describe the model for ``results.json`` and for the keys of the answers."""
    return {
        "model_path": config.model_path,
        "base_model": source.base,
        "adapter": source.adapter,
        "revision": source.base_revision,
        "dtype": config.dtype,
        "quantization": config.quantization,
        "picture_size": {"min_pixels": config.min_pixels, "max_pixels": config.max_pixels},
        "versions": {"vllm": version},
        "vllm": options.model_dump(mode="json"),
    }


def _lora_rank(adapter: str) -> int:
    """Return the smallest allowed ``max_lora_rank`` for an adapter."""
    path = Path(adapter) / "adapter_config.json"
    try:
        rank = int(json_value(path.read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the adapter's rank can't be read",
            where=str(path),
            fix="download the adapter and give its folder",
        ) from error
    bound = next((bound for bound in _LORA_RANKS if rank <= bound), None)
    if bound is None:
        raise ConfigError(
            f"vLLM takes adapters up to rank {_LORA_RANKS[-1]}, this one has {rank}",
            where=str(path),
            fix="merge it: reinforcesight export --to merged-model",
        )
    return bound

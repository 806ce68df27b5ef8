"""The transformers engine."""

from __future__ import annotations

import copy
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reinforcesight.errors import InputError, ReinforceSightError
from reinforcesight.eval.answers import Response
from reinforcesight.eval.engines.base import Decoding, model_identity
from reinforcesight.eval.items import Request, Variant
from reinforcesight.model.memory import is_out_of_memory
from reinforcesight.pictures.decode import decode_rgb, opened

if TYPE_CHECKING:
    from reinforcesight.model.options import ModelConfig

_log = logging.getLogger(__name__)


class TransformersEngine:
    """Batched generation with transformers: left padding, longest requests first, batch halved when out of memory."""

    name = "transformers"
    by_id = False

    def __init__(self, config: ModelConfig, decoding: Decoding, batch_size: int) -> None:
        from reinforcesight.model.load import load_model

        loaded = load_model(config)
        self.model, self._processor = loaded.model, loaded.processor
        self._decoding = decoding
        self._batch_size = batch_size
        self.description = loaded.description
        self.identity = model_identity(loaded.description)

    def decoding(self, decoding: Decoding) -> TransformersEngine:
        """Return an engine with the same model and other settings of decoding."""
        other = copy.copy(self)
        other._decoding = decoding
        return other

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        """Yield responses batch by batch. A thread prepares the next batch during generation."""
        # Longest first: out of memory occurs in the first batch or never, and batches need little padding.
        order = deque(sorted(range(len(requests)), key=lambda i: (-_length(requests[i]), i)))
        with ThreadPoolExecutor(max_workers=1) as pool:

            def prepare_next() -> Future[_Prepared] | None:
                chunk = [order.popleft() for _ in range(min(self._batch_size, len(order)))]
                return pool.submit(self._prepare, requests, chunk) if chunk else None

            ahead = prepare_next()
            while ahead is not None:
                batches, ahead = deque([ahead.result()]), prepare_next()
                while batches:
                    prepared = batches.popleft()
                    # The batch is larger than the limit if it was prepared before memory ran out.
                    small = len(prepared.indices) <= self._batch_size
                    responses = self._generate(prepared) if small else None
                    if responses is None:
                        parts = _chunks(prepared.indices, self._batch_size)
                        batches.extendleft(reversed([self._prepare(requests, part) for part in parts]))
                    else:
                        yield from zip(prepared.indices, responses, strict=True)
                    yield from ((index, None) for index in prepared.unreadable)

    def _prepare(self, requests: Sequence[Request], chunk: Sequence[int]) -> _Prepared:
        from reinforcesight.model.chat import chat_text, encode, user_message

        indices, texts, pictures, unreadable = [], [], [], []
        for index in chunk:
            request = requests[index]
            try:
                data = request.picture
                picture = None if data is None else decode_rgb(data)
            except InputError:
                unreadable.append(index)
                continue
            message = user_message(request.text, with_image=picture is not None)
            indices.append(index)
            texts.append(chat_text(self._processor, [message], with_image=False))
            pictures.append(picture)
        batch = encode(self._processor, texts, pictures) if texts else None
        return _Prepared(indices, unreadable, batch)

    def _generate(self, prepared: _Prepared) -> list[Response] | None:
        """Return the responses of a batch, or None if memory ran out and the batch can be halved."""
        import torch

        from reinforcesight.model import chat

        if prepared.batch is None:
            return []
        try:
            generations = chat.generate_encoded(
                self.model,
                self._processor,
                prepared.batch,
                self._decoding.max_new_tokens,
                temperature=0.0,
                synced_gpus=None,
            )
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(prepared.indices) == 1:
                raise ReinforceSightError(
                    "memory ran out on a single question",
                    where=f"{self.name}, {self.description.get('model_path')}",
                    fix="set model.max_pixels, or use --set model.quantization=4bit",
                ) from error
            generations = None
        if generations is None:  # outside the except clause: the error's frames hold the tensors of the failed batch
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            tried = len(prepared.indices)
            self._batch_size = max(1, tried // 2)
            _log.warning("out of memory with %d questions in a batch; continuing with %d", tried, self._batch_size)
            return None
        return [Response(g.text, truncated=not g.finished, tokens=g.token_count) for g in generations]


@dataclass(frozen=True)
class _Prepared:
    """A batch ready for the model, the indices of its requests, and requests whose picture can't be read."""

    indices: list[int]
    unreadable: list[int]
    batch: Any


def _length(request: Request) -> float:
    """Estimate the number of tokens: one per 28 x 28 pixels (Qwen2-VL), one per four characters of text."""
    tokens = len(request.text) / 4
    if request.variant is not Variant.BLIND:
        try:
            with opened(request.item.picture) as picture:  # reads only the header; no variant changes the size
                tokens += picture.width * picture.height / 28**2
        except InputError:
            pass  # reported when the batch is prepared
    return tokens


def _chunks(indices: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(indices), size):
        yield list(indices[start : start + size])

"""Engines that answer requests: transformers, and a replay of logged answers; vLLM has its own module.

An engine yields each response as soon as it has it, in any order, so that finished work is saved at once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from reinforcesight.errors import InputError, ReinforceSightError
from reinforcesight.eval.answers import Response
from reinforcesight.eval.items import Request, Variant
from reinforcesight.jobs.files import file_hash, json_hash
from reinforcesight.pictures.decode import decode_rgb, opened

if TYPE_CHECKING:
    from reinforcesight.model.options import ModelConfig

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decoding:
    """How answers are generated; always greedily."""

    max_new_tokens: int
    seed: int = 0


class InferenceEngine(Protocol):
    """Answers requests."""

    name: str
    identity: str  # hash of weights, adapter, dtype and picture size
    description: dict[str, Any]  # the same for readers of results.json
    by_id: bool  # an answer belongs to the item's id, not to its content alone

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        """Yield (index into ``requests``, response) in any order.

        The response is None if the picture can't be decoded. A request without answer is left out.
        """
        ...


class TransformersEngine:
    """Batched generation with transformers: left padding, longest first; halves the batch when memory runs out."""

    name = "transformers"
    by_id = False

    def __init__(self, config: ModelConfig, decoding: Decoding, batch_size: int) -> None:
        from reinforcesight.model.load import load_model

        loaded = load_model(config)
        self._model, self._processor = loaded.model, loaded.processor
        self._decoding = decoding
        self._batch_size = batch_size
        self.description = loaded.description
        self.identity = model_identity(loaded.description)

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        """Yield responses batch by batch. A thread prepares the next batch while this one is generated."""
        # Longest first: memory runs out in the first batch or never, and neighbours need little padding.
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
                    # Larger if it was prepared before memory ran out.
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
            data = request.picture
            try:
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
        """Responses of a batch, or None if memory ran out and the batch can be halved."""
        import torch

        from reinforcesight.model import chat

        if prepared.batch is None:
            return []
        try:
            generations = chat.generate_encoded(
                self._model,
                self._processor,
                prepared.batch,
                self._decoding.max_new_tokens,
                temperature=0.0,
                synced_gpus=None,
            )
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(prepared.indices) == 1:
                raise ReinforceSightError(
                    "memory ran out on a single question",
                    where=f"{self.name}, {self.description.get('model_path')}",
                    fix="set model.max_pixels, or use --set model.quantization=4bit",
                ) from error
            generations = None
        if generations is None:  # outside the except clause: the error's frames hold the tensors of the failed batch
            self._halve(len(prepared.indices))
            return None
        return [Response(g.text, truncated=not g.finished, tokens=g.token_count) for g in generations]

    def _halve(self, tried: int) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._batch_size = max(1, tried // 2)
        _log.warning("out of memory with %d questions in a batch; continuing with %d", tried, self._batch_size)


@dataclass(frozen=True)
class _Prepared:
    """A batch ready for the model, the indices of its requests, and requests whose picture can't be read."""

    indices: list[int]
    unreadable: list[int]
    batch: Any


class ReplayEngine:
    """Returns answers that this or another program logged."""

    name = "replay"
    by_id = True

    def __init__(self, path: Path) -> None:
        self._responses = _read_log(path)
        digest = file_hash(path)
        self.identity = json_hash(["replay", digest])
        self.description = {"model_path": path.name, "answers_sha256": digest}

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        """Yield the logged answers. Pictures are decoded too, so that every engine scores the same items."""
        known = [i for i, q in enumerate(requests) if (q.item.id, q.variant) in self._responses]
        with ThreadPoolExecutor() as pool:
            for index, readable in zip(known, pool.map(_is_readable, (requests[i] for i in known)), strict=True):
                name = (requests[index].item.id, requests[index].variant)
                yield index, self._responses[name] if readable else None


def model_identity(description: dict[str, Any]) -> str:
    """Hash of weights, adapter, dtype, quantisation, attention and picture size.

    Local weights are hashed whole, because two checkpoints of one run share most of their bytes.
    """
    weights: dict[str, str] = {}
    for role in ("base_model", "adapter"):
        name = description.get(role)
        if name and Path(name).is_dir():
            files = sorted(file for file in Path(name).iterdir() if file.suffix in (".safetensors", ".json", ".jinja"))
            weights |= {f"{role}/{file.name}": file_hash(file) for file in files}
        elif name:
            weights[role] = f"{name}@{description.get('revision')}"
    parts = ("dtype", "quantization", "attn_implementation", "picture_size", "architecture")
    return json_hash([weights, {part: description.get(part) for part in parts}])


def _is_readable(request: Request) -> bool:
    try:
        decode_rgb(request.item.picture)
    except InputError:
        return False
    return True


def _length(request: Request) -> float:
    """Approximate tokens: a Qwen2-VL picture token covers 28 x 28 pixels, a text token about four characters."""
    tokens = len(request.text) / 4
    if request.picture is not None:
        try:
            with opened(request.picture) as picture:  # reads only the header
                tokens += picture.width * picture.height / 28**2
        except InputError:
            pass  # reported when the batch is prepared
    return tokens


def _chunks(indices: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(indices), size):
        yield list(indices[start : start + size])


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class _LoggedAnswer(BaseModel):
    """One line of a log. Other tools use other keys; the first one present counts."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(validation_alias=AliasChoices("id", "idx"))
    text: str = Field(validation_alias=AliasChoices("response", "text", "output", "prediction"))
    variant: Variant = Variant.PLAIN
    truncated: bool | None = None


def _read_log(path: Path) -> dict[tuple[str, Variant], Response]:
    """Responses by item id and variant."""
    responses: dict[tuple[str, Variant], Response] = {}
    fix = "each line needs id or idx; response, text, output or prediction; and optionally variant"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the logged answers can't be read: {error}", where=str(path), fix="check --answers"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            logged = _LoggedAnswer.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise InputError(f"not a logged answer: {key} {first['msg']}", where=where, fix=fix) from error
        response = Response(logged.text, truncated=logged.truncated)
        if responses.setdefault((logged.id, logged.variant), response).text != logged.text:
            raise InputError(f"two different answers for id {logged.id!r}", where=where, fix="keep one of them")
    if not responses:
        raise InputError("the file holds no answers", where=str(path), fix=fix)
    return responses

"""Base of all adapters: find files immediately, load weights at the first call, process pictures in batches."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, TypeVar, Unpack

from reinforcesight.data_gen.perception.models.model_files import config_in, find_model
from reinforcesight.data_gen.perception.protocols import Picture
from reinforcesight.devices import pick_device
from reinforcesight.errors import InputError, first_line

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16"]
_ResultT = TypeVar("_ResultT")


class Loading(TypedDict, total=False):
    """Keyword arguments of every adapter, see :class:`StoredModel`."""

    revision: str
    device: str
    dtype: Precision
    batch_size: int


class StoredModel(ABC):
    """Model in a folder or on the hub. A pickled copy has no weights and loads them at its first call.

    Args:
        model: Folder or hub id.
        device: "auto", "cpu", "cuda", ...
        dtype: "auto" uses bfloat16 on a GPU that supports it, otherwise float32.
        batch_size: Pictures per forward pass (Molmo2: questions about one picture).

    Attributes:
        name: Folder or hub id.
        config: Contents of the model's config.json.
        role: First word of the identity.
        families: ``model_type`` values that the adapter supports.
        expected: Description of the supported families, for messages.
    """

    role: ClassVar[str]
    families: ClassVar[frozenset[str]] = frozenset()
    expected: ClassVar[str]
    suggestion: ClassVar[str]

    def __init__(
        self,
        model: str,
        *,
        revision: str = "main",
        device: str = "auto",
        dtype: Precision = "auto",
        batch_size: int = 4,
    ) -> None:
        self.name = model
        self._files = find_model(model, revision)
        self.config = config_in(self._files.folder)
        self._device_name, self._precision, self._batch_size = device, dtype, batch_size
        self._loaded: tuple[Any, Any] | None = None
        if not self._fits():
            own_code = " with code of its own" if "auto_map" in self.config else ""
            raise InputError(
                f"expected {self.expected}, got the model family {self.config.get('model_type')!r}{own_code}",
                where=self.name,
                fix=f"use {self.suggestion}",
            )

    def _fits(self) -> bool:
        return self.config.get("model_type") in self.families

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}

    def release(self) -> None:
        self._loaded = None

    @property
    def device(self) -> str:
        return pick_device(self._device_name)

    @property
    def dtype(self) -> torch.dtype:
        import torch

        if self._precision == "auto":
            half = self.device.startswith("cuda") and torch.cuda.is_bf16_supported()
            return torch.bfloat16 if half else torch.float32
        return torch.bfloat16 if self._precision == "bfloat16" else torch.float32

    @property
    def identity(self) -> str:
        """Return role, weights, dtype and all other settings that the results depend on."""
        return " ".join(str(part) for part in (self.role, self._files.identity, self.dtype, *self._settings()))

    def _settings(self) -> tuple[object, ...]:
        return ()

    def _load(self) -> tuple[Any, Any]:
        """Return the result of ``_read``, which is called only once."""
        if self._loaded is None:
            self._loaded = self._read()
        return self._loaded

    @abstractmethod
    def _read(self) -> tuple[Any, Any]:
        """Return the processor (or whatever else the adapter needs) and the model."""

    def _from_folder(self, model_class: Any, processor_class: Any) -> tuple[Any, Any]:
        """Load a processor (``None`` without a class) and a model, from safetensors and without remote code."""
        with self._expecting(), _no_progress_bar():
            processor = None
            if processor_class is not None:
                processor = processor_class.from_pretrained(self._files.folder)
            model = model_class.from_pretrained(self._files.folder, dtype=self.dtype, use_safetensors=True)
        return processor, model.to(self.device).eval()

    @contextlib.contextmanager
    def _expecting(self) -> Iterator[None]:
        """Convert a library's error about another kind of model into an error that says what was expected."""
        try:
            yield
        except (ValueError, OSError, ImportError, AttributeError, TypeError, RuntimeError) as error:
            what = f"expected {self.expected}: {first_line(error)[:200]}"
            raise InputError(what, where=self.name, fix="choose a model of that kind") from error


class StoredGrounder(StoredModel):
    """Model that finds named objects; boxes and points with a score below ``min_score`` are left out."""

    role = "grounding"

    def __init__(self, model: str, *, min_score: float = 0.2, **loading: Unpack[Loading]) -> None:
        super().__init__(model, **loading)
        self._min_score = min_score


@contextlib.contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Hide transformers' progress bar for weights, which would break the progress bar of the pictures."""
    from transformers import utils

    logging: Any = utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def batches_of_one_size(pictures: Sequence[Picture], size: int) -> Iterator[list[int]]:
    """Yield indices of pictures in batches of at most ``size`` pictures with equal height and width.

    Models resize with a fixed aspect ratio, so only equal shapes can be stacked without padding.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for position, picture in enumerate(pictures):
        by_shape.setdefault(picture.shape, []).append(position)
    for positions in by_shape.values():
        for start in range(0, len(positions), size):
            yield positions[start : start + size]


def in_batches_of_one_size(
    pictures: Sequence[Picture], size: int, call: Callable[[list[Picture]], list[_ResultT]]
) -> list[_ResultT]:
    """Call ``call`` with batches of pictures of one size; return the results in the order of the pictures."""
    results: dict[int, _ResultT] = {}
    for positions in batches_of_one_size(pictures, size):
        made = call([pictures[position] for position in positions])
        results.update(zip(positions, made, strict=True))
    return [results[position] for position in range(len(pictures))]

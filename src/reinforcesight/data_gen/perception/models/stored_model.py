"""What the adapters of stored models share: files found at once, weights loaded when first needed and given back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from reinforcesight.data_gen.perception.models.model_files import (
    Precision,
    config_in,
    find_model,
    pick_device,
    pick_dtype,
)
from reinforcesight.errors import InputError


class StoredModel:
    """A model in a folder or on the hub. A copy of it, as for another process, comes without weights.

    Args:
        model: Folder or hub id.
        revision: Hub revision.
        device: "auto", "cpu", "cuda", ...
        dtype: "auto", "float32" or "bfloat16".

    Attributes:
        name: Folder or hub id.
        config: Its config.json.

    Raises:
        InputError: There is no such model.
    """

    def __init__(self, model: str, *, revision: str, device: str, dtype: Precision) -> None:
        self.name = model
        self._files = find_model(model, revision)
        self.config = config_in(self._files.folder)
        self._device, self._dtype = device, dtype
        self._loaded: tuple[Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}

    def release(self) -> None:
        """Give the model's memory back."""
        self._loaded = None

    def _identity(self, role: str, *settings: object) -> str:
        """Role, weights, precision and further settings that the results depend on."""
        precision = pick_dtype(self._dtype, pick_device(self._device))
        return " ".join(str(part) for part in (role, self._files.identity, precision, *settings))

    def _unfit(self, expected: str, *, fix: str) -> InputError:
        """The error of a config.json that is of another family."""
        own_code = " with code of its own" if "auto_map" in self.config else ""
        return InputError(
            f"expected {expected}, got the model family {self.config.get('model_type')!r}{own_code}",
            where=self.name,
            fix=fix,
        )

    def _load(self) -> tuple[Any, Any]:
        """What ``_read`` gives, read at the first call."""
        if self._loaded is None:
            self._loaded = self._read()
        return self._loaded

    def _read(self) -> tuple[Any, Any]:
        """The model, ready to run, and its processor or what else goes with it, in the adapter's own order."""
        raise NotImplementedError

    def _from_folder(self, model_class: Any, processor_class: Any, *, expected: str) -> tuple[Any, Any]:
        """A processor (or ``None`` without its class) and a transformers model, from safetensors and without code.

        Raises:
            InputError: The folder holds something else than what is expected.
        """
        folder, device = self._files.folder, pick_device(self._device)
        with self._told_as(expected), _quiet_loading():
            processor = None if processor_class is None else processor_class.from_pretrained(folder)
            model = model_class.from_pretrained(
                folder, dtype=pick_dtype(self._dtype, device), use_safetensors=True
            )
        return processor, model.to(device).eval()

    @contextlib.contextmanager
    def _told_as(self, expected: str) -> Iterator[None]:
        """Make what a library raises over a model of another kind an error that says what was expected."""
        try:
            yield
        except (ValueError, OSError, ImportError, AttributeError, TypeError, RuntimeError) as error:
            told = str(error).strip().splitlines()
            first = told[0][:200] if told else type(error).__name__
            raise InputError(
                f"expected {expected}: {first}", where=self.name, fix="choose a model of that kind"
            ) from error


@contextlib.contextmanager
def _quiet_loading() -> Iterator[None]:
    """Without transformers' bar of loaded weights, which would run through the progress of the pictures."""
    from transformers import utils

    logging: Any = utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()

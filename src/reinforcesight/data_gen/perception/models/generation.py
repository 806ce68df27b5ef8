"""What a generating model writes, with the probability of every token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def generate(
    model: Any, inputs: Mapping[str, Any], *, max_new_tokens: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Greedy answers of a batch: new token ids (B, T), and the probability that the model gave each, (B, T).

    The same inputs give the same answers; nothing is sampled.
    """
    import torch

    with torch.inference_mode():
        made = model.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            max_new_tokens=max_new_tokens,
            output_logits=True,
            return_dict_in_generate=True,
        )
    ids = made.sequences[:, -len(made.logits) :]
    chosen = [
        logits.float().softmax(dim=-1).gather(1, ids[:, step : step + 1])
        for step, logits in enumerate(made.logits)
    ]
    return ids.cpu().numpy(), torch.cat(chosen, dim=1).double().cpu().numpy()


def until_end(
    ids: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], end: set[int]
) -> tuple[list[int], list[float]] | None:
    """One answer (T,) without its end, or ``None`` where it never ended: what is cut off can't be trusted."""
    for position, token in enumerate(ids.tolist()):
        if token in end:
            return ids[:position].tolist(), probabilities[:position].tolist()
    return None


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The ids that end an answer, of the model's generation settings and its tokenizer."""
    found: set[int] = set()
    for ids in (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        if isinstance(ids, int):
            found.add(ids)
        elif ids is not None:
            found.update(int(i) for i in ids)
    return found

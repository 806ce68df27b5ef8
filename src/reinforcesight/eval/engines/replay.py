"""The replay engine: answers from a log that this or another program wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from reinforcesight.errors import InputError
from reinforcesight.eval.answers import Response
from reinforcesight.eval.items import Item, Request, Variant
from reinforcesight.jobs.files import file_hash, json_hash
from reinforcesight.pictures.decode import decode_rgb


class ReplayEngine:
    """Returns the answers in a log."""

    name = "replay"
    by_id = True

    def __init__(self, path: Path) -> None:
        self._responses = _read_log(path)
        digest = file_hash(path)
        self.identity = json_hash(["replay", digest])
        self.description = {"model_path": path.name, "answers_sha256": digest}

    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | None]]:
        """Yield the logged answers. Pictures are decoded anyway, so that unreadable ones are skipped as by other
        engines.
        """
        known = [i for i, q in enumerate(requests) if (q.item.id, q.variant) in self._responses]
        pictures = {requests[i].item.picture_sha: requests[i].item for i in known}
        with ThreadPoolExecutor() as pool:
            readable = dict(zip(pictures, pool.map(_is_readable, pictures.values()), strict=True))
        for index in known:
            item = requests[index].item
            name = (item.id, requests[index].variant)
            yield index, self._responses[name] if readable[item.picture_sha] else None


def _is_readable(item: Item) -> bool:
    try:
        decode_rgb(item.picture)
    except InputError:
        return False
    return True


class _LoggedAnswer(BaseModel):
    """One line of a log. Other tools use other keys; the first key that is present counts."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(validation_alias=AliasChoices("id", "idx"))
    text: str = Field(validation_alias=AliasChoices("response", "text", "output", "prediction"))
    variant: Variant = Variant.PLAIN
    truncated: bool | None = None


def _read_log(path: Path) -> dict[tuple[str, Variant], Response]:
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

"""Source ``localized_narratives``: pictures with spoken descriptions and pointer traces.

The description gives the names to search for. The traces are weak evidence of positions: they only check what the
detector finds, and never serve as masks. ``docs/localized-narratives.md`` describes the input.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.protocols import PerceptionModels
from reinforcesight.data_gen.source import PictureRejected, Skipped
from reinforcesight.data_gen.sources.narrated.narrative_files import open_narratives
from reinforcesight.data_gen.sources.narrated.narratives import Narrative, narrated_queries, read_narrative
from reinforcesight.data_gen.sources.perceived import PerceivedSource, PictureWithQueries


class LocalizedNarrativesSource(PerceivedSource):
    """Narrated pictures from JSON lines, Parquet files or the Hugging Face hub.

    ``given`` is a path or a hub name, as for
    :func:`~reinforcesight.data_gen.sources.narrated.narrative_files.open_narratives`; ``models`` are your own models
    instead of those in ``config``, whose vocabulary is not used.
    """

    name = "localized_narratives"

    def __init__(
        self,
        given: str | Path,
        config: PerceptionConfig | None = None,
        *,
        models: PerceptionModels | None = None,
    ) -> None:
        self._files = open_narratives(given)
        super().__init__(config or PerceptionConfig(), models)

    def count(self) -> int:
        return len(self._files.entries)

    def problems(self) -> tuple[Skipped, ...]:
        """Return the lines that belong to no picture."""
        return tuple(self._files.problems)

    def fingerprint(self) -> str:
        """Return SHA-256 over the files, the models and the thresholds."""
        return sha256(f"{self._files.fingerprint()}\n{self.perception_identity()}".encode()).hexdigest()

    def picture(self, index: int) -> PictureWithQueries:
        narrated = self._files.read(index)
        narratives: list[Narrative] = []
        skipped = list(narrated.skipped)
        for record in narrated.records:
            try:
                narratives.append(read_narrative(record))
            except ValueError as error:
                skipped.append(Skipped("bad_narrative", f"{narrated.source_id}: {error}"))
        if not narratives:
            detail = skipped[0].detail if skipped else "no narrative"
            raise PictureRejected("bad_narrative", detail, source_id=narrated.source_id)
        asked = narrated_queries(narratives)
        return PictureWithQueries(
            narrated.source_id,
            narrated.photograph,
            asked.queries,
            asked.unseen,
            (*skipped, *asked.skipped),
        )

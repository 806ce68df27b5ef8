"""Source ``image_folder``: photographs in a folder, analysed by depth, grounding and segmentation models.

``docs/perception.md`` describes the steps, and how accurate the scenes are.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from reinforcesight.data_gen.perception.config import PerceptionConfig
from reinforcesight.data_gen.perception.filtering import Query
from reinforcesight.data_gen.perception.protocols import PerceptionModels
from reinforcesight.data_gen.sources.data_folder import digest_files
from reinforcesight.data_gen.sources.perceived import PerceivedSource, PictureWithQueries
from reinforcesight.data_gen.sources.photographs import list_photographs, read_photograph


class ImageFolderSource(PerceivedSource):
    """Picture files below a folder, sorted by name. ``models``: your own models instead of those in ``config``."""

    name = "image_folder"

    def __init__(
        self,
        folder: Path,
        config: PerceptionConfig | None = None,
        *,
        models: PerceptionModels | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._names = list_photographs(self.folder)
        super().__init__(config or PerceptionConfig(), models)
        self._queries = tuple(Query(noun, noun) for noun in dict.fromkeys(self.config.vocabulary))

    def count(self) -> int:
        return len(self._names)

    def fingerprint(self) -> str:
        """Return SHA-256 over the files (name, size, start and end), the vocabulary, the models and the thresholds."""
        parts = [
            digest_files(self.folder, self._names),
            json.dumps(self.config.vocabulary),
            self.perception_identity(),
        ]
        return sha256("\n".join(parts).encode()).hexdigest()

    def picture(self, index: int) -> PictureWithQueries:
        name = self._names[index]
        return PictureWithQueries(name, read_photograph(self.folder, name), self._queries)

"""How does a night get into a bucket?

Objects cannot be renamed, so a night is what its `_manifest.json` names: the scores go first, under a name made of
their hash that nobody reads yet, then the manifest takes the place of the old one in a single request, then what no
manifest names any more is deleted. One lake writes to a folder: its own lock keeps two deliveries apart.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from churn.errors import SettingsError
from churn.stores.lake import MANIFEST
from churn.stores.sinks.night import Night

if TYPE_CHECKING:
    from churn.stores.duck import Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Folder:
    """A folder in S3, `<path>/<dataset>/date=D/` of which holds one night: a manifest and the file that it names.

    Keys, region and endpoint come from the environment, as for sources. A reader takes the files from the manifest's
    `files`, and reads the manifest again where one has gone: the night was replaced meanwhile.

    >>> S3Folder(kind="s3", path="s3://company-lake/scores").where
    's3://company-lake/scores'
    """

    kind: Literal["s3"]
    path: str

    def __post_init__(self) -> None:
        if not self.path.startswith("s3://"):
            raise SettingsError(where=self.path, found="not a folder in S3", action="write s3://bucket/folder")

    @property
    def where(self) -> str:
        """What errors call it."""
        return self.path

    def deliver(self, night: Night, bench: Bench) -> None:  # noqa: ARG002 - the shape of every sink
        """Replaces the night's folder by the night's scores: readers see the old manifest or the new one.

        Raises:
            SettingsError: no such bucket, no credentials, or they may not write it.
            TryAgainError: the server did not answer, or answered that it cannot now.
        """
        from churn.stores.s3 import delete_others, put_bytes, put_file

        folder = f"{self.path.rstrip('/')}/{night.dataset}/date={night.day}"
        held = night.manifest.files[night.file.name]
        name = f"scores-{held.sha256[:16]}.parquet"
        put_file(f"{folder}/{name}", night.file)
        manifest = replace(night.manifest, files={name: held})
        put_bytes(f"{folder}/{MANIFEST}", (json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n").encode())
        delete_others(folder, keep=(name, MANIFEST))

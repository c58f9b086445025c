"""A question to Evidently and NannyML, in the environment that `benchmarks/drift_in_peers.py` says how to make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("drift_in_peers.py")


def ask(python: str, word: str, folder: Path) -> Any:
    """Returns what the peers say of `reference.parquet` and `current.parquet` in the folder."""
    silent = os.environ | {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    done = subprocess.run([python, str(_SCRIPT), word, str(folder)], stdout=subprocess.PIPE, env=silent, check=False)
    if done.returncode:
        sys.exit(f"{_SCRIPT.name} {word} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])

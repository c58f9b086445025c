"""The other ways to score a night, each a process of its own: `python -m benchmarks.night_otherwise WAY ROOT DATE`."""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from churn.training.bundle import Bundle

CHUNK = 35_000
SEED = 1


def main(way: str, root: Path, night: date) -> None:
    """Does what `way` says with the features of a date."""
    {"learn": _learn, "scan": _scan, "reference": _reference, "booster": _booster}[way](root, night)


def _features(root: Path, night: date) -> Path:
    return root / "features" / "subscription" / f"date={night}" / "features.parquet"


def _bundle(root: Path) -> Bundle:
    from churn.training.bundle import Bundle

    (folder,) = {path.parent for path in (root / "champion").rglob("model.txt")}
    return Bundle.from_files({path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "_"})


def _learn(root: Path, night: date) -> None:
    """Saves the reference design's model, taught by the scores that the champion gives (any labels cost the same)."""
    import mlflow.sklearn
    from sklearn.ensemble import GradientBoostingClassifier

    from churn.stores.parquet import read_table

    bundle, table = _bundle(root), read_table(_features(root, night))
    scores = bundle.scorer(num_threads=2).scores(table)
    model = GradientBoostingClassifier(
        n_estimators=400, learning_rate=0.05, max_depth=4, subsample=0.8, min_samples_leaf=50, random_state=SEED
    )
    frame = _encoded(bundle, table.to_pandas())
    model.fit(frame.to_numpy(), scores > sorted(scores)[-len(scores) // 10])
    mlflow.sklearn.save_model(
        model,
        str(root / "reference"),
        serialization_format="cloudpickle",  # as the reference design does
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
    )


def _encoded(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    levels = dict(bundle.encoding.levels)
    for name, known in levels.items():
        codes = {level: code for code, level in enumerate(known)}
        frame[name] = frame[name].map(codes)
    chosen: pd.DataFrame = frame[list(bundle.encoding.features)].astype("float64").fillna(-1.0)
    return chosen


def _scan(root: Path, night: date) -> None:
    """Reads and encodes every row, as scoring does, and asks no model."""
    from churn.stores.overlap import across
    from churn.stores.parquet import read_chunks

    bundle = _bundle(root)
    chunks = read_chunks(_features(root, night), rows=CHUNK, categories=tuple(dict(bundle.encoding.levels)))
    rows = sum(map(len, across(bundle.encoding.matrix, chunks, threads=2)))
    print(f"{rows:,} rows scanned")


def _reference(root: Path, night: date) -> None:
    """The reference design's batch scorer, with the faults repaired that make its scores wrong."""
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(root / "reference"))
    frame = pd.read_parquet(_features(root, night))
    scores = model.predict(_encoded(_bundle(root), frame).to_numpy())[:, 1]
    _publish(frame, scores, night)


def _booster(root: Path, night: date) -> None:
    """Plain LightGBM on pandas."""
    import lightgbm as lgb
    import pandas as pd

    bundle, frame = _bundle(root), pd.read_parquet(_features(root, night))
    booster = lgb.Booster(model_str=bundle.model_text)
    _publish(frame, booster.predict(_encoded(bundle, frame), num_threads=2), night)


def _publish(frame: pd.DataFrame, scores: Any, night: date) -> None:
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        pd.DataFrame(
            {"customer_id": frame["customer_id"], "churn_score": scores, "score_date": night, "model_version": 1}
        ).to_parquet(Path(folder) / "scores.parquet")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))

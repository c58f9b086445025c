"""Nobody who should not gets at customers or secrets, and nothing that is read is run."""

from __future__ import annotations

import ast
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import churn as package
from churn.errors import DataError, SettingsError
from churn.settings.secrets import check_arguments
from churn.stores.lake import Lake
from churn.stores.partition import MANIFEST, Partition
from tests.command import FAST, Ran, churn, copied
from tests.stores.sinks.nights import NAME, publish, scores

# ---------------------------------------------------------------------------------------------------------------------
# Nothing that is read is run

MODULES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "imp", "code"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.unsafe_load",
    "joblib.load",
}
CALLS |= {"yaml.full_load", "yaml.load_all", "np.load", "numpy.load", "pd.read_pickle", "OmegaConf.unsafe_load"}
SOURCES = sorted(path for top in package.__path__ for path in Path(top).rglob("*.py"))


def running(source: str) -> list[str]:
    """Returns what in a source would run what it reads, by name and line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found += [f"{name}, line {node.lineno}" for name in names if name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.Call):
            shell = any(
                word.arg in {"shell", "allow_pickle"} and ast.unparse(word.value) != "False" for word in node.keywords
            )
            name = ast.unparse(node.func)
            found += [f"{name}, line {node.lineno}"] if name in CALLS or shell else []
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(path.parents[1])))
def test_no_source_runs_what_it_reads(path: Path) -> None:
    assert running(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "from cloudpickle import loads", "eval(text)", "exec(code, {})", "compile(a, b, 'exec')"),
        *(
            "yaml.load(file)",
            "np.load(file)",
            "subprocess.run(text, shell=True)",
            "joblib.load(path)",
            "os.system(text)",
        ),
    ],
)
def test_a_source_that_would_is_found(source: str) -> None:
    assert len(running(source)) == 1


# ---------------------------------------------------------------------------------------------------------------------
# Paths do not leave the root


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "", "scores.parquet\0"])
def test_a_manifest_that_names_a_file_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    night = publish(tmp_path, scores())
    place = night.file.with_name(MANIFEST)
    fields = json.loads(place.read_text())
    fields["files"] = {name: {"sha256": "0", "bytes": 1, "rows": None}}
    place.write_text(json.dumps(fields))
    with pytest.raises(DataError, match="is not one of its folder"):
        Lake(tmp_path).manifest(Partition(kind="predictions", dataset=NAME, day=night.day))


def test_a_link_in_the_place_of_a_file_is_no_file_of_the_partition(tmp_path: Path) -> None:
    night = publish(tmp_path / "lake", scores())
    partition, lake = Partition(kind="predictions", dataset=NAME, day=night.day), Lake(tmp_path / "lake")
    night.file.rename(tmp_path / "elsewhere.parquet")
    night.file.symlink_to(tmp_path / "elsewhere.parquet")
    assert not lake.is_current(partition, night.manifest.inputs)
    with pytest.raises(DataError, match="missing, or not the bytes"):
        lake.open(partition, made_by="stage=score")


@pytest.mark.parametrize("found", ["../../../etc/passwd", "/etc/passwd", "", "AB", "a" * 64 + "/.."])
def test_a_fingerprint_that_would_be_a_path_is_refused(tmp_path: Path, found: str) -> None:
    lake = Lake(tmp_path)
    for ask in (lake.texts_path, lambda name: lake.kept_at(Partition(kind="tables", dataset=NAME), name)):
        with pytest.raises(DataError, match="is no fingerprint"):
            ask(found)


@pytest.mark.parametrize("name", ["../out", "/etc", "a/b", "a b", "", ".", "x'; drop table y"])
def test_a_dataset_whose_name_would_be_a_path_is_refused(tmp_path: Path, name: str) -> None:
    ran = churn("stage=status", f'dataset.name="{name}"', root=tmp_path / "lake")
    assert ran.code == SettingsError.exit_code, ran.err
    assert list(tmp_path.rglob("*")) == []


# ---------------------------------------------------------------------------------------------------------------------
# Secrets in a command are refused before anything could repeat them

SECRET = "planted-7c1e44f0b2"
ADDRESS = f"http://me:{SECRET}@host"


@pytest.mark.parametrize(
    "argument",
    [
        *(f"+x={ADDRESS}", f"+x={ADDRESS}/{{", f"+x=[{ADDRESS}", f"'+x={ADDRESS}'", f"x@y={ADDRESS}", ADDRESS),
        *(
            f"stage={ADDRESS}",
            f"dataset={ADDRESS}",
            f"+x=http://host,{ADDRESS}",
            f"+{ADDRESS}=1",
            f"registry.uri={ADDRESS}",
        ),
        *(f"+x=http://host/?token={SECRET}", f"+x='host=db password={SECRET}'", f"stage.reason=password={SECRET}"),
    ],
)
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(tmp_path: Path, argument: str) -> None:
    ran = churn("stage=status", argument, root=tmp_path / "lake")
    assert ran.code == SettingsError.exit_code
    assert "in the address" in ran.err or "a password in a text" in ran.err  # and not whatever Hydra makes of it
    assert SECRET not in ran.out + ran.err
    assert list(tmp_path.rglob("*")) == []


def test_what_holds_no_secret_passes() -> None:
    check_arguments(["stage=train", "-m", "registry.uri=http://host:5000", "model.num_leaves=3,4", "+x=s3://b/k=1/@v"])
    check_arguments(["+service.credentials.PGPASSWORD=/etc/churn/pgpassword", "reason='me@host says so'"])


# ---------------------------------------------------------------------------------------------------------------------
# A night with planted customers and secrets

DAY, NIGHT = date(2025, 8, 19), date(2025, 8, 20)
FIRST_ID = 9_133_770_000_000
ID = "913377000"
PLANTED = {
    "PGPASSWORD": SECRET + "-pg",
    "WAREHOUSE_DSN": f"postgresql://me:{SECRET}%2Fdsn@127.0.0.1:9/db",
    "AWS_ACCESS_KEY_ID": SECRET + "-id",
    "AWS_SECRET_ACCESS_KEY": SECRET + "/s3",
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "MLFLOW_TRACKING_URI": f"http://me:{SECRET}-mlflow@127.0.0.1:9",
    "MLFLOW_TRACKING_PASSWORD": SECRET + "-pw",
}
OF_CUSTOMERS = ("raw/", "tables/", "quarantine/", "features/", "predictions/", "versions/", "shadow/", "out/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder with a root, `lake`, and what was delivered, `out`; what the commands said."""

    folder: Path
    ran: tuple[Ran, ...]

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Yields all that was said or written, by its path; of parquet also every value, since it is compressed."""
        for ran in self.ran:
            yield "said", (ran.out + ran.err).encode()
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            name = str(path.relative_to(self.folder)).removeprefix("lake/")
            yield name, path.read_bytes()
            if path.suffix == ".parquet" and not name.startswith("raw/"):
                yield name, str(pl.read_parquet(path, hive_partitioning=False).rows()).encode()


def write(path: Path, table: pl.DataFrame) -> None:
    table.write_parquet(path)
    path.chmod(0o640)  # what brings raw files is not ours


def plant(root: Path) -> None:
    """Adds customers to the last raw day whose numbers stand nowhere else, two of them with a broken payment."""
    files = {name: root / f"raw/subscription/date={DAY}/{name}.parquet" for name in ("customers", "payments")}
    customers, payments = (pl.read_parquet(file, hive_partitioning=False) for file in files.values())
    numbers = pl.Series("customer_id", range(FIRST_ID, FIRST_ID + 12))
    more = {
        name: pl.concat([table.head(1)] * 12).with_columns(numbers)
        for name, table in (("customers", customers.with_columns(signup_date=pl.lit(DAY))), ("payments", payments))
    }
    wrong = pl.when(pl.col("customer_id") < FIRST_ID + 2).then(-5).otherwise(pl.col("amount_cents"))
    more["payments"] = more["payments"].with_columns(amount_cents=wrong)
    write(files["customers"], pl.concat([customers, more["customers"]]))
    write(files["payments"], pl.concat([payments, more["payments"]]))


def twice(root: Path) -> None:
    """Makes each of those customers stand twice in the last raw day."""
    path = root / f"raw/subscription/date={DAY}/customers.parquet"
    table = pl.read_parquet(path, hive_partitioning=False)
    write(path, pl.concat([table, table.filter(pl.col("customer_id") >= FIRST_ID)]))


def sinks(folder: Path) -> tuple[str, ...]:
    return (
        f"+dataset.sinks.file={{kind: csv, folder: '{folder}', columns: [customer_id, churn_score]}}",
        f"+dataset.sinks.duck={{kind: duckdb, path: '{folder}/warehouse.duckdb', table: scores}}",
        "+dataset.sinks.warehouse={kind: postgres, dsn_variable: WAREHOUSE_DSN, table: scores}",
        "+dataset.sinks.bucket={kind: s3, path: s3://company-lake/scores}",
    )


@pytest.fixture(scope="module")
def place(business: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("planted")
    root = copied(business, folder / "lake")
    (folder / "out").mkdir(mode=0o750)
    plant(root)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in PLANTED.items():
            patched.setenv(name, value)
        ran = [churn("stage=nightly", f"date={NIGHT}", *FAST, *sinks(folder / "out"), root=root)]
        if "CHURN_FUZZ" in os.environ:
            ran.append(churn("stage=train", f"date={NIGHT}", *FAST, root=root))
        twice(root)
        ran.append(churn("stage=features", f"date={NIGHT}", root=root))
        yield Place(folder=folder, ran=tuple(ran))


def test_the_night_was_scored_its_deliveries_failed_and_the_doubled_day_was_refused(place: Place) -> None:
    first, *_, last = place.ran
    assert first.code == 75, first.err
    assert first.out.count("0 nights sent") == 2
    assert (place.folder / f"out/subscription_{NIGHT}.csv").read_text().count(ID) == 12
    assert last.code == DataError.exit_code
    assert "customers: the key customer_id stands there more than once, n = 12" in last.err
    quarantine = place.folder / f"lake/quarantine/subscription/date={DAY}"
    assert sum(ID in str(pl.read_parquet(file).rows()) for file in quarantine.glob("*.parquet")) == 1


def test_customers_are_named_by_the_tables_that_hold_them_and_by_nothing_else(place: Place) -> None:
    named = {name for name, content in place.texts() if ID.encode() in content}
    assert {name for name in named if not name.startswith(OF_CUSTOMERS)} == set()
    assert {name for name in named if name.endswith((".json", ".html", ".log"))} == set()
    assert f"predictions/subscription/date={NIGHT}/scores.parquet" in named


def test_no_secret_stands_in_what_was_said_or_written(place: Place) -> None:
    held = {name for name, content in place.texts() if SECRET.encode() in content}
    assert held == set()


def test_files_are_0640_and_folders_0750_at_most(place: Place) -> None:
    wide = [
        (str(path), oct(stat.S_IMODE(path.stat().st_mode)))
        for path in place.folder.rglob("*")
        if path.stat().st_mode & (0o027 if path.is_dir() else 0o137)
    ]
    assert wide == []

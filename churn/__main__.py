"""How does a command become a run and an exit code?

Compose (Hydra), parse (settings), run (one stage), exit. The only file that knows Hydra. Help is read off the stage
files without importing them, so that it answers at once.
"""

from __future__ import annotations

import ast
import importlib
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.errors import ChurnError, ExitCode, SettingsError, did_you_mean

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from churn.settings import Settings

HERE = Path(__file__).parent
CONF = HERE.parent / "conf"
# Gravest first: what a sweep of several jobs exits with.
_GRAVITY = tuple(ExitCode(code) for code in (1, 2, 3, 75, 6, 4, 5, 0))
log = logging.getLogger("churn")


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit code; of a sweep's jobs the gravest."""
    if not arguments or {"-h", "--help"} & set(arguments):
        print(help_text())  # noqa: T201 - help is for standard output
        return ExitCode.OK
    os.umask(0o027)
    sys.argv = ["churn", *arguments]  # where Hydra reads them
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that its errors reach us whole, and not as its own printed exit
    codes: list[ExitCode] = []
    try:
        with tempfile.TemporaryDirectory() as folder:  # Hydra writes a sweep's settings down, secrets and all
            sys.argv += [f"hydra.sweep.dir={folder}"] if {"-m", "--multirun"} & set(arguments) else []
            _compose_and_run(codes)
    except ChurnError as error:
        _complain(error)
        codes.append(error.exit_code)
    except KeyboardInterrupt:
        print("stopped; whatever was published is whole", file=sys.stderr)  # noqa: T201
        return 130
    return min(codes, key=_GRAVITY.index, default=ExitCode.OK)


def help_text() -> str:
    """Returns the stages with the first line of each one's documentation."""
    stages = {name: _first_line(HERE / "stages" / f"{name}.py") for name in _options("stage")}
    width = max(map(len, stages))
    lines = [f"  {name:<{width}}  {text}" for name, text in stages.items()]
    return "\n".join(
        [
            "usage: python -m churn stage=STAGE [date=DATE] [dataset=DATASET] [setting=value ...]",
            "       python -m churn -m stage=train model.num_leaves=15,31,63   (a sweep)",
            "",
            "stages:",
            *lines,
            "",
            f"datasets: {', '.join(_options('dataset'))}",
            "dates:    2026-01-05, 2026-01-01..2026-01-31, 2026-01-01..2026-12-01/1mo; train and promote take one,",
            "          and where it is left out the day after the newest raw day",
            "settings: stage=score --cfg job prints them all; the files in conf/ explain each",
            "exit:     " + ", ".join(f"{code} {code.name.lower().replace('_', ' ')}" for code in ExitCode),
        ]
    )


def _options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def _compose_and_run(codes: list[ExitCode]) -> None:
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    def job(config: DictConfig) -> None:
        codes.append(_run(config))

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise _explained(error) from error


def _run(config: DictConfig) -> ExitCode:
    try:
        settings = _settings(config)
    except ChurnError as error:
        _complain(error)
        return error.exit_code
    os.environ.setdefault("POLARS_MAX_THREADS", str(settings.resources.threads))
    journal = _start_journal(settings)
    try:
        return _run_stage(settings)
    except ChurnError as error:
        log.debug("stopped", exc_info=True)
        _complain(error, journal)
        return error.exit_code
    except Exception:  # the one place where our bug becomes exit code 1
        log.debug("bug", exc_info=True)
        _complain_bug(settings.stage.name, journal)
        return ExitCode.BUG


def _run_stage(settings: Settings) -> ExitCode:
    from churn.reports.outcome import show

    outcome = importlib.import_module(f"churn.stages.{settings.stage.name}").run(settings)
    show(outcome)
    code: ExitCode = outcome.code
    return code


def _settings(config: DictConfig) -> Settings:
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from churn.settings import parse

    choices: Mapping[str, Any] = HydraConfig.get().runtime.choices
    files = {group: f"conf/{group}/{choices[group]}.yaml" for group in ("stage", "dataset", "model", "split")}
    try:
        raw: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise _explained(error) from error
    started = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    run = f"{started}-{choices['stage']}-{os.getpid()}"
    return parse(raw | {"run": run, "today": _today().isoformat()}, files=files)


def _today() -> date:
    """Returns the day that it is at UTC, as raw days are, wherever the machine stands."""
    return datetime.now(UTC).date()


def _explained(error: Exception) -> SettingsError:
    missing = str(getattr(error, "missing_cfg_file", None) or "")
    if "/" in missing:
        group, _, name = missing.rpartition("/")
        known = _options(group)
        return SettingsError(where=f"{group}={name}", found=f"no such {group}", action=did_you_mean(name, known))
    text = str(error).strip()
    first = text.splitlines()[0] if text else type(error).__name__
    if "specify 'stage'" in first:
        return SettingsError(where="command line", found="no stage", action=did_you_mean("", _options("stage")))
    if first.startswith("Could not override"):
        key = first.split("'")[1]
        return SettingsError(where="command line", found=f"unknown key {key!r}", action=did_you_mean(key, _keys()))
    return SettingsError(where="command line", found=first, action="python -m churn --help shows how it is written")


def _keys() -> list[str]:
    from omegaconf import OmegaConf

    keys: list[str] = []
    for path in CONF.rglob("*.yaml"):
        group = path.parent.name if path.parent != CONF else ""
        keys += _dotted(OmegaConf.to_container(OmegaConf.load(path)), group)
    return sorted(set(keys))


def _dotted(node: object, prefix: str) -> list[str]:
    if not isinstance(node, dict):
        return [prefix]
    return [key for name, child in node.items() for key in _dotted(child, f"{prefix}.{name}" if prefix else str(name))]


def _start_journal(settings: Settings) -> Path:
    """Sends log lines to standard error, and all of them with tracebacks to a file that is made when it is needed."""
    path = settings.root / "logs" / f"{settings.run}.log"
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr), _LateFile(path)]
    handlers[0].setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for old in log.handlers[:]:
        log.removeHandler(old)
        old.close()
    for handler in handlers:
        log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    return path


class _LateFile(logging.FileHandler):
    """A log file whose folder is made with its first line, so that a command that logs nothing leaves nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, delay=True)
        self._folder = path.parent

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Says nothing: a log that cannot be written must not hide the error that is being told."""


def _complain(error: ChurnError, journal: Path | None = None) -> None:
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    if journal and journal.exists():
        print(f"  log: {journal}", file=sys.stderr)  # noqa: T201


def _complain_bug(stage: str, journal: Path) -> None:
    last = traceback.format_exc().strip().splitlines()[-1]
    print(f"bug in stage={stage}: {last}\n  do: report it with the log {journal}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

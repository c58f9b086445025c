"""How does a command become a run and an exit code?

Compose (Hydra), parse (settings), run (one stage, or the trials of a sweep, in whatever process), exit. The only file
that knows Hydra, but for `command_errors.py`, which knows what it complains of.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import sys
import tempfile
import time
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from churn.command_errors import explained, first_line
from churn.errors import ChurnError, ExitCode, SettingsError, gravest
from churn.journal import tell
from churn.places import CONF, own_conf
from churn.redaction import redacted
from churn.running import Ended, complain, run
from churn.stopping import code_of, stoppable
from churn.usage import help_text, in_full, leave, require_readable

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from churn.settings import Settings
    from churn.sweep import Record

_SWEEP_WORDS = {"-m", "--multirun", "hydra.mode=MULTIRUN"}
# Optuna would minimise, and give up at the first trial that fails.
_OPTUNA = {"hydra.sweeper.direction": "maximize", "hydra.sweeper.max_failure_rate": "1.0"}
log = logging.getLogger("churn")


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit code; of a sweep's jobs the gravest."""
    try:
        own = own_conf(arguments)
        if not arguments or {"-h", "--help"} & set(arguments):
            from churn.reports.outcome import Outcome, show

            return show(Outcome(headline=help_text(own)))
        gc.set_threshold(100_000, 20, 100)  # an eighth of the start-up went into looking through what imports leave
        os.umask(0o027)
        os.environ["HYDRA_FULL_ERROR"] = "1"  # so that its errors reach us whole, and not as its own printed exit
        return _main(_checked(arguments, own), own)
    except ChurnError as error:
        complain(error)
        return error.exit_code
    except ModuleNotFoundError as error:
        action = (
            "install what requirements.txt pins, or start the Python of the environment that has it: .venv/bin/python"
        )
        complain(SettingsError(where=sys.executable, found=first_line(str(error)), action=action))
        return ExitCode.SETTINGS
    except KeyboardInterrupt as stop:
        tell("stopped; whatever was published is whole, the same command goes on from there")
        return code_of(stop)


def _checked(arguments: list[str], own: Path | None) -> list[str]:
    from churn.settings.secrets import check_arguments

    check_arguments(arguments)
    return in_full(arguments, own=own)


def _main(arguments: list[str], own: Path | None) -> int:
    if _SWEEP_WORDS & set(arguments):
        return _sweep(arguments, own)
    ended: list[Ended] = []
    if own or any(argument.startswith("-") for argument in arguments):  # flags and two folders: for Hydra's own main
        _hand_over(arguments, [])
        _hydra(lambda config: ended.append(_run(config, own)), conf=CONF, own=own)
    else:
        ended.append(_run(_composed(arguments)))
    return min((one.code for one in ended), default=ExitCode.OK)


def program() -> NoReturn:
    """Runs the command of this process's own arguments, and ends the process with its exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before we began
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    leave(main(sys.argv[1:]))


def trial(config: DictConfig) -> float | None:
    """Runs one job of a sweep, in whatever process, and returns its objective for a sweeper that maximises."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from churn import sweep
    from churn.reports.trials import TrialEnd, loss

    job = HydraConfig.get()
    folder, number, overrides = Path(job.sweep.dir), int(job.job.num), tuple(job.overrides.task)
    sweep.begin(folder, number, overrides=overrides, stage=job.runtime.choices["stage"])
    started = time.perf_counter()
    skipped = OmegaConf.select(config, "sweep.fail_fast") is True and sweep.has_failed(folder)
    never = Ended(code=ExitCode.OK, error="another trial failed (sweep.fail_fast)")
    ended = never if skipped else _run(config, sweep.own(folder))
    end = TrialEnd(
        number=number,
        overrides=overrides,
        state="skipped" if skipped else "failed" if ended.error else "finished",
        code=ended.code,
        error=ended.error,
        seconds=time.perf_counter() - started,
        trial=ended.trial,
        version=ended.version,
        unpromotable=ended.unpromotable,
    )
    sweep.finish(folder, sweep.Record(end=end, stage=job.runtime.choices["stage"], settings=ended.settings))
    return -loss(ended.trial) if ended.trial else None


def _sweep(arguments: list[str], own: Path | None) -> int:
    """Runs the jobs of a sweep, one by one or several at once, and returns the gravest of their exit codes."""
    from churn import sweep

    prefix = time.strftime("%Y%m%dT%H%M%S-", time.gmtime())
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)  # Hydra writes a sweep's settings down, secrets and all
        asked = _hand_over(arguments, _sweeper_overrides(arguments, folder))
        conf, own = sweep.freeze(folder, CONF, own=own)
        broken: Exception | KeyboardInterrupt | None = None
        try:
            with stoppable():
                _hydra(trial, conf=conf, own=own)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - first what has run until now is told
            broken = error
        planned = [] if isinstance(broken, ChurnError | KeyboardInterrupt | None) else _planned(asked.overrides)
        found = sweep.records(folder, planned=planned, interrupted=isinstance(broken, KeyboardInterrupt))
    codes = _conclude(found, name=folder.name, config_dir=asked.config_dir, broken=broken)
    return gravest(codes)


def _hand_over(arguments: Sequence[str], ours: Sequence[str]) -> Namespace:
    """Puts the arguments, and our own overrides, where Hydra reads them: overrides first, since it wants them together.

    Returns them as Hydra understands them.
    """
    from hydra._internal.utils import get_args_parser

    asked = get_args_parser().parse_intermixed_args(arguments)
    flags = [one for one in arguments if one not in asked.overrides]
    sys.argv = ["churn", *asked.overrides, *ours, *flags]
    return asked


def _sweeper_overrides(overrides: Sequence[str], folder: Path) -> list[str]:
    known = {override.partition("=")[0] for override in overrides}
    ours = _OPTUNA if "hydra/sweeper=optuna" in overrides else {}
    return [f"hydra.sweep.dir='{folder}'", *(f"{key}={text}" for key, text in ours.items() if key not in known)]


def _planned(overrides: Sequence[str]) -> list[list[str]]:
    """Returns the overrides of each job of Hydra's own sweeper; of another, whose jobs follow from each other, none."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    if any(override.startswith("hydra/sweeper=") for override in overrides):
        return []
    own = [override for override in overrides if not override.startswith("hydra")]
    (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(own), None)
    return jobs


def _conclude(
    found: Sequence[Record], *, name: str, config_dir: str | None, broken: BaseException | None
) -> list[ExitCode]:
    from churn import sweep

    codes = [ExitCode(record.end.code) for record in found]
    for end in (record.end for record in found if record.end.state == "died"):
        tell(f"bug in trial {end.number} ({' '.join(end.overrides)}): {end.error}")
    try:
        flags = ["--config-dir", config_dir] if config_dir else []
        sweep.conclude(found, name=name, flags=flags, interrupted=isinstance(broken, KeyboardInterrupt))
    except ChurnError as error:
        complain(error)
        codes.append(error.exit_code)
    return codes + _of_broken(broken, codes)


def _of_broken(broken: BaseException | None, codes: Iterable[ExitCode]) -> list[ExitCode]:
    """Says why a sweep broke off; a sweeper that found no trial to choose from adds nothing to why those failed."""
    if isinstance(broken, ChurnError) and any(codes):
        return []
    if isinstance(broken, ChurnError | KeyboardInterrupt):
        raise broken
    if broken is None:
        return []
    last = traceback.extract_tb(broken.__traceback__)[-1]
    what = redacted(f"{type(broken).__name__}: {broken} ({Path(last.filename).name}, line {last.lineno})")
    tell(f"bug in the sweep: {what}")
    return [ExitCode.BUG]


def _composed(overrides: Sequence[str]) -> DictConfig:
    """Returns what one run's overrides compose to; Hydra's main would compose it twice, and look for flags."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import flag_override

    GlobalHydra.instance().clear()  # as a run before it in the same process may have left it
    with _explaining(), initialize_config_dir(str(CONF), version_base="1.3", job_name="churn"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    with flag_override(config, ["readonly", "struct"], values=False):
        del config["hydra"]
    return config


def _hydra(job: Callable[[DictConfig], Any], *, conf: Path, own: Path | None) -> None:
    """Runs Hydra's main on `conf`, behind a user's own folder where there is one: it looks into its flag's last."""
    import hydra

    sys.argv += ["--config-dir", str(conf)] if own else []
    with _explaining(own):
        hydra.main(version_base="1.3", config_path=str(own or conf), config_name="config")(job)()


@contextmanager
def _explaining(own: Path | None = None) -> Iterator[None]:
    """Turns what Hydra says of a mistake into where it stands and what to do."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, RecursionError, PermissionError) as error:
        require_readable(own)
        raise explained(error, own) from error


def _run(config: DictConfig, own: Path | None = None) -> Ended:
    try:
        settings, raw = _settings(config, own)
    except ChurnError as error:
        complain(error)
        return Ended(code=error.exit_code, error=first_line(str(error)))
    os.environ.setdefault("POLARS_MAX_THREADS", str(settings.resources.threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads of LightGBM would spin
    return dataclasses.replace(run(settings), settings=raw)


def _settings(config: DictConfig, own: Path | None) -> tuple[Settings, dict[str, Any]]:
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from churn.settings import parse

    choices: Mapping[str, Any] = HydraConfig.get().runtime.choices
    files = {group: f"conf/{group}/{choices[group]}.yaml" for group in ("stage", "dataset", "model", "split")}
    try:
        raw: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise explained(error, own) from error
    started = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    name = Path(HydraConfig.get().sweep.dir).name if HydraConfig.get().mode is RunMode.MULTIRUN else None
    raw |= {
        "run": f"{started}-{choices['stage']}-{os.getpid()}",
        "today": _today().isoformat(),
        "own": None if own is None else str(own),
        "sweep": {**(raw.get("sweep") or {}), "name": name},
    }
    return parse(raw, files=files), raw


def _today() -> date:
    """Returns the day that it is at UTC, as raw days are, wherever the machine stands."""
    return datetime.now(UTC).date()


if __name__ == "__main__":
    from churn.__main__ import program as program_by_name  # so that the processes of a sweep find `trial` by its name

    program_by_name()

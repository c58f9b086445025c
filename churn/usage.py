"""How is a command written, what may be chosen, and how does its process end?

Read off conf/ and the first lines of the stage files, without importing them, so that help answers at once. `own` is
the folder of a user's own YAML, whose files go before ours of the same name.
"""

from __future__ import annotations

import ast
import atexit
import os
import re
import signal
import sys
import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from churn.errors import ExitCode, SettingsError
from churn.places import CONF, HERE, IS_INSTALLED
from churn.stopping import TERMINATED

_KEY = re.compile(r"^(\w+):", re.MULTILINE)
_OVERRIDE = re.compile(r"(~|\+{0,2})(\w+)(?=[=.]|$)")


def help_text(own: Path | None = None) -> str:
    """Returns the stages with the first line of each one's documentation."""
    stages = {name: _first_line(HERE / "stages" / f"{name}.py") for name in options("stage", own=own)}
    width, at = max(map(len, stages)), CONF if IS_INSTALLED else "conf/"
    lines = [f"  {name:<{width}}  {text}" for name, text in stages.items()]
    return "\n".join(
        [
            "usage: python -m churn stage=STAGE [date=DATE] [dataset=DATASET] [setting=value ...]",
            "       python -m churn -m stage=train model.num_leaves=15,31,63   (a sweep)",
            "",
            "stages:",
            *lines,
            "",
            f"datasets: {', '.join(options('dataset', own=own))}",
            "dates:    2026-01-05, 2026-01-01..2026-01-31, 2026-01-01..2026-12-01/1mo; train and promote take one,",
            "          and where it is left out the day after the newest raw day",
            f"settings: stage=score --cfg job prints them; the files in {at} explain each; version=3: stage.version=3",
            "exit:     " + ", ".join(f"{code} {code.name.lower().replace('_', ' ')}" for code in ExitCode),
        ]
    )


def options(group: str, *, own: Path | None = None) -> list[str]:
    """Returns the names that may be chosen in a group of conf/."""
    return sorted({path.stem for conf in folders(own) for path in (conf / group).glob("*.yaml")})


def folders(own: Path | None) -> tuple[Path, ...]:
    """Returns the folders that hold YAML, in the order in which they are looked into."""
    return (CONF,) if own is None else (own, CONF)


def in_full(arguments: Iterable[str], *, own: Path | None = None) -> list[str]:
    """Returns the arguments with the stage's own settings as Hydra knows them: `version=3` becomes `stage.version=3`.

    What is a setting of every command, such as date or model, stays as it is.

    >>> in_full(["stage=promote", "version=3", "date=2026-01-05", "~gates.calibration"])
    ['stage=promote', 'stage.version=3', 'date=2026-01-05', '~stage.gates.calibration']
    """
    given = list(arguments)
    stages = [one.partition("=")[2] for one in given if one.startswith("stage=")]
    files = [path for name in stages for conf in folders(own) for path in [conf / "stage" / f"{name}.yaml"]]
    keys = {key for path in files if path.is_file() for key in _KEY.findall(_read(path))} - _of_every_command()
    return [_with_stage(one) if _sets(one, keys) else one for one in given]


def require_readable(own: Path | None) -> None:
    """Names the YAML that no text can be read from.

    Raises:
        SettingsError: there is such a file.
    """
    for path in (path for conf in folders(own) for path in sorted(conf.rglob("*.yaml"))):
        _read(path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is no UTF-8"
        raise SettingsError(where=str(path), found=found, action="save it as UTF-8") from error
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise SettingsError(where=str(path), found=found, action="let this user read it") from error


def _sets(argument: str, keys: Collection[str]) -> bool:
    found = _OVERRIDE.match(argument)
    return found is not None and found[2] in keys and ("=" in argument or found[1] == "~")


def _of_every_command() -> set[str]:
    groups = {path.name for path in CONF.iterdir() if path.is_dir()}
    return groups | set(_KEY.findall((CONF / "config.yaml").read_text())) | {"name", "defaults"}


def _with_stage(override: str) -> str:
    return _OVERRIDE.sub(r"\1stage.\2", override, count=1)


def _first_line(path: Path) -> str:
    if not path.exists():
        return f"Settings of your own: conf/stage/{path.stem}.yaml."
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def leave(code: int) -> NoReturn:
    """Ends the process with an exit code, and does not take its libraries apart: that takes longer than many a command.

    What is registered for the end runs, and a thread that is still at work is waited for.
    """
    others = {*threading.enumerate()} - {threading.main_thread()}
    if all(thread.daemon for thread in others):
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        if code == TERMINATED:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        os._exit(code)
    sys.exit(code)

"""How is a command written, and what may be chosen?

Read off conf/ and the first lines of the stage files, without importing them, so that help answers at once.
"""

from __future__ import annotations

import ast
from pathlib import Path

from churn.errors import ExitCode

HERE = Path(__file__).parent
CONF = HERE.parent / "conf"


def help_text() -> str:
    """Returns the stages with the first line of each one's documentation."""
    stages = {name: _first_line(HERE / "stages" / f"{name}.py") for name in options("stage")}
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
            f"datasets: {', '.join(options('dataset'))}",
            "dates:    2026-01-05, 2026-01-01..2026-01-31, 2026-01-01..2026-12-01/1mo; train and promote take one,",
            "          and where it is left out the day after the newest raw day",
            "settings: stage=score --cfg job prints them all; the files in conf/ explain each",
            "exit:     " + ", ".join(f"{code} {code.name.lower().replace('_', ' ')}" for code in ExitCode),
        ]
    )


def options(group: str) -> list[str]:
    """Returns the names that may be chosen in a group of conf/."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]

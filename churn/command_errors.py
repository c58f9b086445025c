"""What is wrong with a command that does not compose?

What Hydra and OmegaConf say of it becomes the place, the key and the nearest valid name.
"""

from __future__ import annotations

import re
from pathlib import Path

from churn.errors import SettingsError, did_you_mean
from churn.usage import folders, options


def explained(error: Exception, own: Path | None) -> SettingsError:
    """Returns what Hydra, OmegaConf or YAML complained of, in words for who typed the command; `own` is their conf/."""
    missing = str(getattr(error, "missing_cfg_file", None) or "")
    if "/" in missing:
        group, _, name = missing.rpartition("/")
        plugin = f"install the plugin that brings it (pip install hydra-{name}-{Path(group).name})"
        action = plugin if group.startswith("hydra/") else did_you_mean(name, options(group, own=own))
        return SettingsError(where=f"{group}={name}", found=f"no such {group}", action=action)
    first = first_line(str(error)) or type(error).__name__
    mark = getattr(error, "problem_mark", None)
    if mark:
        found = getattr(error, "problem", None) or first
        return SettingsError(where=f"{_as_typed(mark.name)}, line {mark.line + 1}", found=found, action="mend the YAML")
    first = _as_typed(first)
    if "specify 'stage'" in first:
        return SettingsError(where="command line", found="no stage", action=did_you_mean("", options("stage", own=own)))
    if first.startswith("Could not override"):
        key, known = first.split("'")[1], _keys(own)
        steps = key.split(".")
        inside = any(".".join(steps[:count]) in known for count in range(1, len(steps) + 1))
        # a mapping that stands empty in YAML (or null) takes new entries, and Hydra wants a plus before each
        action = f"entries of a mapping are new: write +{key}=…" if inside else did_you_mean(key, known)
        return SettingsError(where="command line", found=f"unknown key {key!r}", action=action)
    return SettingsError(where="command line", found=first, action="python -m churn --help shows how it is written")


def first_line(text: str) -> str:
    """Returns the first line of a text."""
    return text.strip().partition("\n")[0]


def _as_typed(text: str) -> str:
    """Returns the text with the files of conf/ and of --config-dir named as a user knows them, wherever they stand."""
    from churn.sweep import CONFIG_DIR

    return re.sub(rf"[^\s'\"]*/({CONFIG_DIR}/|(?=conf/))", "", text)


def _keys(own: Path | None) -> list[str]:
    from omegaconf import OmegaConf

    keys: list[str] = []
    for path in (path for conf in folders(own) for path in conf.rglob("*.yaml")):
        group = path.parent.name if path.parent not in folders(own) else ""
        keys += _dotted(OmegaConf.to_container(OmegaConf.load(path)), group)
    return sorted(set(keys))


def _dotted(node: object, prefix: str) -> list[str]:
    if not isinstance(node, dict) or not node:
        return [prefix]
    return [key for name, child in node.items() for key in _dotted(child, f"{prefix}.{name}" if prefix else str(name))]

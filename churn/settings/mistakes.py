"""What was mistyped, and what was meant?

What pydantic found becomes the file, the key and the nearest valid name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from churn.errors import SettingsError, did_you_mean


def explained(error: ValidationError, raw: Mapping[str, Any], files: Mapping[str, str]) -> SettingsError:
    """Returns the gravest of the faults that were found: an unknown key before a missing one or a wrong value."""
    faults = {".".join(_keys(fault["loc"], raw)): fault for fault in error.errors(include_url=False)}
    unknown = [key for key, fault in faults.items() if fault["type"] == "unexpected_keyword_argument"]
    key = unknown[0] if unknown else next(iter(faults))
    fault = faults[key]
    file = files.get(key.partition(".")[0], "conf/config.yaml")
    if unknown:
        found, action = f"unknown key {key!r}", did_you_mean(key, _beside(key, raw, faults))
    elif "missing" in fault["type"]:
        found, action = f"{key!r} is missing", f"add it there, or on the command line: +{key}=…"
    else:
        found, action = f"{key}={fault.get('input')!r}: {fault['msg'].lower()}", f"set {key} to a value of that kind"
    return SettingsError(where=file, found=found, action=action)


def _keys(location: tuple[int | str, ...], raw: Mapping[str, Any]) -> list[str]:
    # pydantic names the chosen member of a union as a step of its own, which is no key of the YAML
    keys: list[str] = []
    node: Any = raw
    for step in map(str, location):
        inside = isinstance(node, Mapping) and step in node
        if inside or step == location[-1]:
            keys.append(step)
        node = node[step] if inside else node
    return keys


def _beside(key: str, raw: Mapping[str, Any], faults: Mapping[str, object]) -> list[str]:
    *parents, _ = key.split(".")
    node: Any = raw
    for parent in parents:
        node = node.get(parent, {}) if isinstance(node, Mapping) else {}
    present = [".".join([*parents, name]) for name in node]
    missing = [other for other in faults if other.split(".")[:-1] == parents]
    return [name for name in {*present, *missing} if name != key]

"""Has this machine the room, the clock and the timers that a night wants?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import polars as pl

from churn.checks.checked import Checked, fail, ok, warn
from churn.doors import Doors
from churn.errors import ExitCode
from churn.stores.partition import MANIFEST

# A night of 10 million customers peaks at 459 MB with 200,000 rows of 29 features a chunk and 2 threads (README).
_LIBRARIES = 250_000_000
_COPIES = 2
_TEXT_BYTES = 24
_UNITS = {"MB": 1e6, "GB": 1e9, "MiB": 2**20, "GiB": 2**30}
_OF_NIGHT = ("features", "predictions", "shadow", "drift", "profiles", "outcomes")
_OF_DAY_BEFORE = ("tables", "quarantine", "feeds")
_ROOM = 2  # nights: what is replaced stands beside what replaces it
_SLACK = timedelta(minutes=5)


def bytes_of_nights(doors: Doors, nights: int) -> tuple[int, ...]:
    """Returns the bytes that each of the newest published nights took, its raw day included, by their manifests.

    Raises:
        DataError: a manifest cannot be read.
    """
    days = doors.lake.days("predictions", doors.settings.dataset.name)[-nights:]
    return tuple(_bytes(doors, day) for day in days)


def _bytes(doors: Doors, day: date) -> int:
    before = day - timedelta(days=1)
    places = [doors.partition(kind, day) for kind in _OF_NIGHT]
    places += [doors.partition(kind, before) for kind in _OF_DAY_BEFORE]
    manifests = map(doors.lake.manifest, places)
    return sum(file.bytes for manifest in manifests if manifest for file in manifest.files.values())


def check_disk(doors: Doors, *, nights: int, wanted: int, free: int | None = None) -> Checked:
    """Returns for how many nights the disk has room, by the newest `nights`; `wanted` of them are no warning.

    `free` are the bytes that are left; None: as the disk says.
    """
    room = shutil.disk_usage(_standing(doors.lake.root)).free if free is None else free
    taken = bytes_of_nights(doors, nights)
    if not taken:
        mend = "nothing; the first night will tell"
        return warn(f"{room / 1e9:,.1f} GB free; what a night takes is unknown, none is published", mend)
    each, largest = sum(taken) / len(taken), max(taken)
    left = int(room / each) if each else wanted
    told = f"{room / 1e9:,.1f} GB free, {each / 1e6:,.1f} MB a night (mean of n = {len(taken)}): {left:,} nights left"
    mend = f"{doors.command('prune', None)} dry_run=false, or give the root a larger disk"
    if room < _ROOM * largest:
        want = f"one night and what it replaces want {_ROOM * largest / 1e6:,.1f} MB"
        return fail(f"{told}; {want}", mend, ExitCode.TRY_AGAIN)
    return ok(told) if left >= wanted else warn(f"{told}, under {wanted}", mend)


def _standing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def wanted_memory(doors: Doors) -> tuple[int, int]:
    """Returns the bytes of memory that a night takes, by a rule of thumb, without DuckDB and with all that it may take.

    The rule is the libraries, and the chunk twice a thread.
    """
    resources = doors.settings.resources
    chunks = _COPIES * resources.threads * resources.chunk_rows * _row_bytes(doors.dataset.schema)
    return _LIBRARIES + chunks, _LIBRARIES + chunks + _bytes_of(resources.memory)


def check_memory(doors: Doors, available: int | None) -> Checked:
    """Returns whether the chunks of a night fit into `available` bytes of memory, and DuckDB's limit beside them."""
    if available is None:
        return warn("what memory is left is unknown: the kernel does not tell", "compare with `free -m`")
    resources = doors.settings.resources
    row = _row_bytes(doors.dataset.schema)
    least, most = wanted_memory(doors)
    told = (
        f"{available / 1e6:,.0f} MB left; {resources.chunk_rows:,} rows of {row} bytes, {_COPIES} times a thread, "
        f"take about {least / 1e6:,.0f} MB, and DuckDB up to {resources.memory}"
    )
    if available < least:
        rows = max((available - _LIBRARIES) // (_COPIES * resources.threads * row), 0)
        mend = f"resources.chunk_rows={rows}, or free memory" if rows else "free memory: the libraries alone do not fit"
        return fail(told, mend, ExitCode.SETTINGS)
    if available < most:
        return warn(f"{told}: more than there is", f"resources.memory={max((available - least) // 10**6, 1)}MB")
    return ok(told)


def _row_bytes(schema: pl.Schema) -> int:
    return sum(_TEXT_BYTES if dtype == pl.String else 8 for dtype in schema.values())


def _bytes_of(text: str) -> int:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr] # settings hold it to that
    return int(float(number) * _UNITS[unit])


def started(run: str) -> datetime:
    """Returns when a run began (UTC), which its name says: the one moment that a stage knows.

    >>> started("20260105T031500-doctor-17").isoformat()
    '2026-01-05T03:15:00+00:00'
    """
    return datetime.strptime(run.partition("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def check_clock(doors: Doors) -> Checked:
    """Returns whether the clock stands behind what was published already: the newest manifest, or the newest night."""
    name, now = doors.settings.dataset.name, started(doors.settings.run)
    manifests = list(doors.lake.root.glob(f"*/{name}/date=*/{MANIFEST}"))
    mend = "set the clock: timedatectl set-ntp true"
    if not manifests:
        return ok(f"{now:%Y-%m-%d %H:%M} UTC; no manifest yet to hold it against")
    newest = max(manifests, key=lambda path: path.stat().st_mtime)
    written = datetime.fromtimestamp(newest.stat().st_mtime, UTC)
    place = newest.parent.relative_to(doors.lake.root)
    if written > now + _SLACK:
        return fail(f"{now:%Y-%m-%d %H:%M} UTC, and {place} was written at {written:%Y-%m-%d %H:%M}", mend)
    ahead = [day for day in doors.lake.days("predictions", name) if day > doors.settings.today]
    if ahead:
        return fail(f"today is {doors.settings.today}, and the night of {ahead[-1]} is published", mend)
    return ok(f"{now:%Y-%m-%d %H:%M} UTC, after the newest manifest ({written:%Y-%m-%d %H:%M})")


def check_zone(doors: Doors, zone: tzinfo | None = None) -> Checked:
    """Returns whether timers and raw days agree what a day is: `zone` is this machine's where it is None."""
    here = started(doors.settings.run).astimezone(zone)
    if not here.utcoffset():
        return ok(f"{here.tzname()}: a timer and a raw day mean the same day")
    found = f"{here.tzname()} ({here:%z}), and raw days end at midnight UTC, which is {_midnight(here)} here"
    return warn(found, "let timers name the zone: OnCalendar=*-*-* 03:00 UTC")


def _midnight(here: datetime) -> str:
    midnight = here.astimezone(UTC).replace(hour=0, minute=0)
    return f"{midnight.astimezone(here.tzinfo):%H:%M}"


def check_timers(found: dict[str, str] | None, pattern: str) -> Checked:
    """Returns whether the timers that start the nights are enabled; `found` are names and states, None: unknown.

    >>> check_timers({"churn.timer": "disabled"}, "churn*.timer").mend
    'systemctl enable --now churn.timer'
    """
    if found is None:
        return warn(
            "unknown: systemd is not here, or does not answer", "see that cron, or what else starts nights, does"
        )
    if not found:
        mend = "enable one that runs stage=nightly date=auto, or name it: stage.timers=PATTERN"
        return warn(f"systemd knows no {pattern}; what cron has cannot be seen from here", mend)
    off = _off(found)
    if off:
        return fail(f"{', '.join(off)} not enabled", f"systemctl enable --now {' '.join(off)}", ExitCode.SETTINGS)
    return ok(", ".join(f"{name} {state}" for name, state in sorted(found.items())))


def _off(found: dict[str, str]) -> Sequence[str]:
    return sorted(name for name, state in found.items() if not state.startswith(("enabled", "static", "generated")))

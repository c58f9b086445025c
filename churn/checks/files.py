"""May this user write where the lake stands, may others read it, and does a file there hold a secret?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from churn.checks.checked import Checked, fail, ok, warn
from churn.errors import ChurnError, ExitCode
from churn.redaction import SHORTEST, secrets
from churn.stores.lake import Lake
from churn.stores.partition import read_manifest

_FILE, _FOLDER = 0o640, 0o750
_HYDRA = (".hydra", "outputs", "multirun")
_TEXTS = {".json", ".yaml", ".yml", ".log", ".txt", ".html", ".db", ""}
_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or folder (links aside): its path, mode bits, owner's number, and whether this user may write there."""

    path: Path
    mode: int
    owner: int
    is_folder: bool
    writable: bool

    @classmethod
    def of(cls, path: Path) -> Entry:
        """Returns the entry at a path."""
        found = path.lstat()
        is_folder = stat.S_ISDIR(found.st_mode)
        asked = os.W_OK | os.X_OK if is_folder else os.W_OK
        return cls(
            path=path,
            mode=stat.S_IMODE(found.st_mode),
            owner=found.st_uid,
            is_folder=is_folder,
            writable=os.access(path, asked, effective_ids=True),
        )

    @property
    def is_wide(self) -> bool:
        """Whether others may do more here than the modes that this package gives let them."""
        return bool(self.mode & 0o077 & ~(_FOLDER if self.is_folder else _FILE))


def entries(root: Path) -> Iterator[Entry]:
    """Yields the root and all that stands under it; what goes meanwhile, and links, are left out."""
    for folder, folders, files in os.walk(root):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            try:
                if not path.is_symlink():
                    yield Entry.of(path)
            except FileNotFoundError:  # another run moved it
                continue
        folders[:] = sorted(folders)


def check_root(root: Path, user: int, *, sources: Path) -> Checked:
    """Returns whether a user (by number) may write in all folders under the root, and is the one owner of all there.

    What stands under `sources` is only read, and may be another's.
    """
    if not root.exists():
        return _check_unborn(root)
    found = [one for one in entries(root.resolve()) if not one.path.is_relative_to(sources.resolve())]
    owner = root.stat().st_uid
    closed = [one for one in found if one.is_folder and not one.writable]
    foreign = [one for one in found if one.owner != owner]
    if closed:
        mend = f"chown -R {user} {root} && chmod -R u+rwX {root}, or mount it writable"
        return fail(f"{_counted(closed, found)} cannot be written in: {_few(closed)}", mend, ExitCode.TRY_AGAIN)
    if owner != user:
        mend = f"run every command as user {owner}: sudo -u '#{owner}' …"
        return warn(f"the root belongs to user {owner}, and this is user {user}", mend)
    if foreign:
        told = f"{_counted(foreign, found)} belong to another user: {_few(foreign)}"
        return warn(told, f"chown -R {owner} {root}")
    return ok(f"all {len(found):,} files and folders are this user's, who may write there")


def check_modes(root: Path, *, shown: Path) -> Checked:
    """Returns whether nothing under the root is open wider than 0640 (files) and 0750 (folders).

    What stands under `shown` (a schedule, without secrets) others may read, and no more.
    """
    found = [one for one in entries(root) if not one.path.is_relative_to(shown) or one.mode & stat.S_IWOTH]
    open_to_all = [one for one in found if one.mode & stat.S_IWOTH]
    wide = [one for one in found if one.is_wide]
    mend = f"chmod -R o-rwx,g-w {root} && find {root} -type f -exec chmod g-x {{}} +"
    if open_to_all:
        told = f"{_counted(open_to_all, found)} may be changed by anybody: {_few(open_to_all)}"
        return fail(told, mend, ExitCode.SETTINGS)
    if wide:
        return warn(f"{_counted(wide, found)} are open wider than 0640 and 0750: {_few(wide)}", mend)
    return ok(f"none of {len(found):,} files and folders is open wider than 0640 and 0750")


def check_partitions(lake: Lake, dataset: str, *, kinds: Iterable[str]) -> Checked:
    """Returns whether each folder of a partition has a manifest that can be read: a run publishes over no other."""
    found = [folder for kind in kinds for folder in lake.folders(kind, dataset)]
    broken = [folder for folder in found if not _is_told(folder)]
    if broken:
        told = f"{len(broken):,} of {len(found):,} folders have no manifest, or one that cannot be read: {broken[0]}"
        mend = "restore its manifest, or delete the folder: the stage that publishes it makes it again"
        return fail(told, mend, ExitCode.DATA)
    return ok(f"all {len(found):,} folders of partitions have their manifest")


def _is_told(folder: Path) -> bool:
    try:
        return read_manifest(folder) is not None
    except ChurnError:
        return False


def _counted(some: Sequence[Entry], of: Sequence[Entry]) -> str:
    return f"{len(some):,} of {len(of):,} files and folders"


def _check_unborn(root: Path) -> Checked:
    parent = next(place for place in root.parents if place.exists())
    if Entry.of(parent).writable:
        return ok(f"{root} is not there yet, and can be made")
    return fail(f"{root} is not there, and cannot be made", "make it, and give it to this user", ExitCode.TRY_AGAIN)


def _few(found: Iterable[Entry]) -> str:
    names = [f"{one.path} ({one.mode:04o})" for one in found]
    return ", ".join(names[:_TOLD]) + (" …" if len(names) > _TOLD else "")


def check_secrets(root: Path, *, beside: Path, environment: Mapping[str, str]) -> Checked:
    """Returns whether a file of texts holds the value of a variable whose name looks secret; it never says which value.

    Looked at are all manifests, logs and texts under the root, MLflow's database and files, and Hydra's folders in the
    root and `beside` it (where commands run), for what a variable holds whose name looks secret, and for the password
    in a connection string; fewer than 8 characters are not looked for.
    """
    known = {name: _encoded(values) for name, values in secrets(environment).items()}
    long = {name: values for name, values in known.items() if values}
    read, found = 0, []
    for path in _texts(root, beside):
        read += 1
        found += [f"{name} in {path}" for name in _held(path, long)]
    short = f"; {len(known) - len(long)} too short to look for" if len(known) > len(long) else ""
    if found:
        more = f" and {len(found) - _TOLD:,} more" if len(found) > _TOLD else ""
        mend = "change that secret where it is known; then take it out of the file (a log may be deleted)"
        return fail(f"the value of {'; '.join(found[:_TOLD])}{more}", mend, ExitCode.SETTINGS)
    return ok(f"{read:,} files hold none of the secrets of {len(long)} variables{short}")


def _encoded(values: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(value.encode(errors="surrogateescape") for value in values if len(value) >= SHORTEST)


def _texts(root: Path, beside: Path) -> Iterator[Path]:
    folders = {root, *(beside / name for name in _HYDRA)}
    for folder in sorted(folders):
        for place, _, files in os.walk(folder):
            yield from (Path(place, name) for name in sorted(files) if Path(name).suffix in _TEXTS)


def _held(path: Path, secrets: Mapping[str, tuple[bytes, ...]]) -> list[str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # another run moved it
        return []
    return [name for name, values in secrets.items() if any(value in content for value in values)]

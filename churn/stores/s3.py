"""Which objects does a bucket hold, how does DuckDB read them, and how do others get there?

The only module that knows obstore. DuckDB asks for ranges of bytes through a file system of our own, since many of its
threads read one file at once, each seeking and then reading: with one position a file they would read each other's
bytes. Every range is asked for under the ETag of the listing, so that an object that is replaced meanwhile cannot mix
its bytes with the old ones. Keys, region and endpoint come from the environment alone (AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL), where obstore reads them itself.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import S3Store

from churn.errors import ChurnError, SettingsError, TryAgainError
from churn.stores.globs import Found, fixed_folder, matches, no_match, parts

if TYPE_CHECKING:
    from obstore import GetOptions

CONNECT = timedelta(seconds=5)
SILENCE = timedelta(seconds=20)
"""How long a connection may take to stand, and a server may fall silent within an answer."""

PART = 5 << 20
"""The bytes of a part of a large object, the fewest that Amazon takes; a file of more goes in parts."""

_REQUEST = timedelta(minutes=2)
_RETRIES = 2
_RANGE = 16 << 20
_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN with temporary ones)"
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[\w./-]*)?")
_NO_KEYS = re.compile(r"Missing (Secret)?AccessKey|/latest/(api|meta)")
_ACCESS = re.compile(r"status code: 40[13]|ExpiredToken|InvalidToken")
_REGION = re.compile(r"PermanentRedirect|AuthorizationHeaderMalformed|redirect without LOCATION")


def list_objects(pattern: str) -> tuple[Found, ...]:
    """Returns the objects that a pattern `s3://bucket/...` means, in the order of their paths.

    Raises:
        DataError: there is none.
        SettingsError: no such bucket, no credentials, or they do not open it.
        TryAgainError: the server did not answer, or answered that it cannot now.
    """
    bucket, key = _split(pattern)
    wanted = parts(key)
    store = _store(bucket)
    with _s3_errors(pattern):
        listed = [entry for page in store.list(fixed_folder(key) or None) for entry in page]
    found = [
        Found(
            path=f"s3://{bucket}/{entry['path']}",
            size=entry["size"],
            etag=entry["e_tag"] or str(entry["last_modified"]),
        )
        for entry in listed
        if matches(entry["path"].split("/"), wanted)
    ]
    if not found:
        raise no_match(pattern)
    return tuple(sorted(found, key=lambda file: file.path))


def put_file(path: str, file: Path) -> None:
    """Puts a local file's bytes at `s3://bucket/...`, a PART at a time, two of them at once.

    Raises:
        SettingsError: no such bucket, no credentials, or they may not write it.
        TryAgainError: the server did not answer, or answered that it cannot now.
    """
    bucket, key = _split(path)
    with _s3_errors(path):
        obstore.put(_store(bucket), key, file, chunk_size=PART, max_concurrency=2)


def put_bytes(path: str, content: bytes) -> None:
    """Puts a small object at `s3://bucket/...` in one request: what stood there stands, or is replaced whole.

    Raises:
        SettingsError: as `put_file`.
        TryAgainError: as `put_file`.
    """
    bucket, key = _split(path)
    with _s3_errors(path):
        obstore.put(_store(bucket), key, content, use_multipart=False)


def delete_others(folder: str, *, keep: Collection[str]) -> None:
    """Deletes every object right in the folder `s3://bucket/...` but those that are named.

    Raises:
        SettingsError: as `put_file`.
        TryAgainError: as `put_file`.
    """
    bucket, key = _split(folder)
    store = _store(bucket)
    with _s3_errors(folder):
        listed = store.list_with_delimiter(f"{key}/")["objects"]
        paths = [entry["path"] for entry in listed if entry["path"].rpartition("/")[2] not in keep]
        if paths:
            obstore.delete(store, paths)


class ObjectFiles(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """The found objects as a file system for DuckDB, which is told their sizes without a request.

    `failure` is the first error of any thread; after it every read fails at once, so that a query ends soon.
    """

    protocol = "s3"
    cachable = False

    def __init__(self, files: Sequence[Found]) -> None:
        super().__init__()
        self.failure: ChurnError | None = None
        self._files = {file.path: file for file in files}
        self._stores = {bucket: _store(bucket) for bucket in {_split(file.path)[0] for file in files}}

    def open(self, path: str, mode: str = "rb", **_options: object) -> ObjectFile:  # noqa: ARG002 - never written
        """Returns the object as a file."""
        return ObjectFile(self, self._files[path])

    def glob(self, path: str, **_options: object) -> list[str]:
        """Returns the path itself: what it means was found before."""
        return [path]

    def exists(self, path: str, **_options: object) -> bool:
        """Returns whether the object was found."""
        return path in self._files

    def size(self, path: str) -> int:
        """Returns the bytes of the object."""
        return self._files[path].size

    def modified(self, path: str) -> datetime:  # noqa: ARG002 - the ETag pins what is read
        """Returns a time that never changes."""
        return datetime(2000, 1, 1, tzinfo=UTC)

    def fetch(self, file: Found, start: int, end: int) -> bytes:
        """Returns the bytes from start to before end.

        Raises:
            TryAgainError: the object has gone or was replaced; the server did not answer.
            SettingsError: the credentials do not open it.
        """
        if self.failure is not None:
            raise self.failure
        bucket, key = _split(file.path)
        try:
            with _s3_errors(file.path):
                options: GetOptions = {"range": (start, end)}
                if file.etag.startswith('"'):
                    options["if_match"] = file.etag
                return obstore.get(self._stores[bucket], key, options=options).bytes().to_bytes()
        except ChurnError as error:
            self.failure = error
            raise


class ObjectFile(io.RawIOBase):
    """One object as a file for many threads: a read that follows a seek of the same thread starts where that sought."""

    def __init__(self, objects: ObjectFiles, file: Found) -> None:
        super().__init__()
        self._objects, self._file = objects, file
        self._at = 0
        self._sought = threading.local()

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True

    def tell(self) -> int:
        """Returns the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position and returns it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = self._sought.at = start + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Returns the next `size` bytes, fewer at the end; all that are left where it is negative."""
        start = self._sought.__dict__.pop("at", self._at)
        end = self._file.size if size < 0 else min(start + size, self._file.size)
        self._at = max(start, end)
        pieces = ((at, min(at + _RANGE, end)) for at in range(start, end, _RANGE))
        return b"".join(self._objects.fetch(self._file, *piece) for piece in pieces)

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer and returns how many bytes came."""
        got = self.read(len(buffer))
        buffer[: len(got)] = got
        return len(got)


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix("s3://").partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket) or not key:
        raise SettingsError(where=path, found="not a path of an object", action="write s3://bucket/folder/file")
    return bucket, key


def _store(bucket: str) -> S3Store:
    try:
        return S3Store(
            bucket,
            client_options={
                "allow_http": _is_plain(),
                "connect_timeout": CONNECT,
                "read_timeout": SILENCE,
                "timeout": _REQUEST,
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": _REQUEST},
        )
    except BaseError as error:
        if _NO_KEYS.search(str(error)):
            raise _told(error, f"s3://{bucket}") from None
        action = "correct it; see the list in obstore's S3Config"
        raise SettingsError(where="environment", found="a variable AWS_... is not understood", action=action) from None


def _is_plain() -> bool:
    """Returns whether the server is to be spoken to without TLS, since its address begins with http://."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    addresses = {name: os.environ[name] for name in names if os.environ.get(name)}
    for name, address in addresses.items():
        if not _ADDRESS.fullmatch(address):
            # the address itself is not shown, since it may hold a password
            action = "write http://host:port or https://host, without user and password"
            raise SettingsError(where=name, found="not an address", action=action)
    return any(address.startswith("http://") for address in addresses.values())


@contextmanager
def _s3_errors(path: str) -> Iterator[None]:
    """Turns obstore's errors into ours; its own texts, which quote requests and answers, are left out."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise _told(error, path) from None


def _told(error: Exception, path: str) -> ChurnError:
    text = str(error)
    bucket = path.removeprefix("s3://").partition("/")[0]
    said = _said(text)
    if "NoSuchBucket" in text:
        action = "create it, or correct `path` (and AWS_ENDPOINT_URL)"
        return SettingsError(where=path, found=f"no bucket {bucket!r}", action=action)
    if _ACCESS.search(text) or _NO_KEYS.search(text):
        action = f"set {_KEYS} to keys that may use the bucket {bucket!r}"
        return SettingsError(where=path, found=f"no access: {said}", action=action)
    if _REGION.search(text):
        found, action = "the server sends requests elsewhere", f"set AWS_REGION to the region of the bucket {bucket!r}"
        return SettingsError(where=path, found=found, action=action)
    if isinstance(error, FileNotFoundError | PreconditionError):
        found = "the object went, or was replaced, while it was read"
        return TryAgainError(where=path, found=found, action="run the same command again")
    action = "see that the server (AWS_ENDPOINT_URL) is up, then run the same command again"
    return TryAgainError(where=path, found=said, action=action)


def _said(text: str) -> str:
    if _NO_KEYS.search(text):
        return "the environment holds no whole credentials"
    status, code = re.search(r"status code: (\d{3})", text), re.search(r"<Code>(\w+)</Code>", text)
    if status:
        return f"the server answered {status[1]}" + (f" ({code[1]})" if code else "")
    kinds = {"Timeout": "no answer in time", "ConnectionRefused": "the connection was refused"}
    return next((told for kind, told in kinds.items() if kind in text), "the connection failed")

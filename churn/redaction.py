"""What of a text may anybody read?

All of it but secrets: the values of variables whose name looks secret, the passwords in connection strings that the
environment holds, and whatever stands as a user or password in an address. Errors, logs and what a run prints pass here
once more, since a library's exception may repeat any of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

SHORTEST = 8
"""The characters of a secret's value that is looked for: shorter ones stand in texts by chance."""

_NAMES = "pass|pwd|secret|token|key|credential|webhook|^sig|signature"
_SECRET = re.compile(_NAMES, re.IGNORECASE)
# A secret may hold a slash, as Amazon's do; a colon before anything but a port shows that one has begun.
_LOGIN = re.compile(r"(://)(?:[^\s/?#]*@|[^\s/?#\[:]*:(?!\d*(?:[\s/?#]|$))\S*@)")
_PASSWORD = re.compile(r"://[^\s/?#:@]*:(\S+)@")
_PARAMETER = re.compile(rf"([?&;][^\s=&;]*(?:{_NAMES.replace('^', '')})[^\s=&;]*=)[^\s&;#]+", re.IGNORECASE)
_NAMED = r"(\b\w*(?:password|passwd|pwd)\s*=\s*)('(?:[^'\\]|\\.)*'|"
_WORD = re.compile(_NAMED + r"[^\s&;,'\")\]]+)", re.IGNORECASE)
_UP_TO_SPACE = re.compile(_NAMED + r"\S+)", re.IGNORECASE)  # as libpq reads it
_HIDDEN = "***"


def looks_secret(name: str) -> bool:
    """Returns whether a parameter or an environment variable of that name would hold a secret.

    >>> looks_secret("PGPASSWORD"), looks_secret("CHURN_WEBHOOK_URL"), looks_secret("PGHOST")
    (True, True, False)
    """
    return _SECRET.search(name) is not None


def secrets(environment: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Returns the secret values of an environment, by variable, each as it is, decoded and encoded for an address.

    The place of a secret (a path that is there) and the folders that commands run in are none.

    >>> sorted(secrets({"WAREHOUSE": "postgresql://me:a%2Fb@host/db", "PGHOST": "host"})["WAREHOUSE"])
    ['a%252Fb', 'a%2Fb', 'a/b']
    """
    found = {name: frozenset(_spellings(name, value)) for name, value in environment.items()}
    return {name: values for name, values in found.items() if values}


def redacted(text: str) -> str:
    """Returns the text without this environment's secrets, and without users and passwords in addresses.

    >>> redacted("no answer from postgresql://me:hunter2@host/db")
    'no answer from postgresql://***@host/db'
    """
    known = {value for values in secrets(os.environ).values() for value in values if len(value) >= SHORTEST}
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, _HIDDEN)
    for pattern, shown in ((_LOGIN, rf"\1{_HIDDEN}@"), (_PARAMETER, rf"\1{_HIDDEN}"), (_WORD, rf"\1{_HIDDEN}")):
        text = pattern.sub(shown, text)
    return text


def holds_password(text: str) -> bool:
    """Returns whether a text gives a password by its name, as PostgreSQL's connection strings do.

    >>> holds_password("host=db user=me password=hunter2"), holds_password("password_days=3")
    (True, False)
    """
    return _WORD.search(text) is not None


def _spellings(name: str, value: str) -> Iterator[str]:
    for secret in _held(name, value):
        yield from (secret, unquote(secret), quote(secret, safe="", errors="surrogateescape"))


def _held(name: str, value: str) -> Iterator[str]:
    if looks_secret(name) and name not in {"PWD", "OLDPWD"} and not _is_place(value):
        yield value
    yield from _PASSWORD.findall(value)
    yield from (found.strip("'") for pattern in (_WORD, _UP_TO_SPACE) for _, found in pattern.findall(value))


def _is_place(value: str) -> bool:
    try:
        return value.startswith("/") and Path(value).exists()
    except PermissionError:  # it leads into a folder that is there, and closed to this user
        return True
    except OSError:  # longer than any name
        return False

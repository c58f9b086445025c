"""Which version bears an alias, asked without loading MLflow?

MLflow takes seconds to import, and a night asks it one thing. So the embedded database is read by Python's own SQLite,
and a server over its public REST interface. Whatever is out of the ordinary is `Unknown`, and MLflow itself is asked.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

FINGERPRINT = "churn.fingerprint"
BUNDLE = "churn.bundle"
_SECONDS = 10
_BEARER = """
select tags.key, tags.value, aliases.version
from registered_model_aliases as aliases
left join model_version_tags as tags on tags.name = aliases.name and tags.version = aliases.version
where aliases.name = ? and aliases.alias = ?
"""
_IS_MODEL = "select count(*) from registered_models where name = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A version in the registry, the fingerprint of all that it was trained from, and that of its bundle."""

    version: int
    fingerprint: str
    bundle: str

    @classmethod
    def of(cls, version: int, tags: Mapping[str, str]) -> Registered:
        """Returns the version with the fingerprints that stand in its tags."""
        return cls(version=version, fingerprint=tags.get(FINGERPRINT, ""), bundle=tags.get(BUNDLE, ""))


class UnknownError(Exception):
    """Only MLflow itself can tell."""


def in_database(path: Path, *, model: str, alias: str) -> Registered | None:
    """Returns the version that bears the alias by an MLflow database; None where the model has no such alias.

    Raises:
        UnknownError: the database cannot be read, or does not know the model.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as database:
            rows = database.execute(_BEARER, (model, alias)).fetchall()
            ((known,),) = database.execute(_IS_MODEL, (model,)).fetchall()
    except sqlite3.Error as error:
        raise UnknownError from error
    if not known:
        raise UnknownError
    return Registered.of(rows[0][2], {key: value for key, value, _ in rows if key}) if rows else None


def on_server(uri: str, *, model: str, alias: str) -> Registered | None:
    """Returns the version that bears the alias by an MLflow server; None where the model has no such alias.

    Raises:
        UnknownError: the server does not answer, or not as expected.
    """
    query = urlencode({"name": model, "alias": alias})
    address = f"{uri.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{query}"
    if not address.startswith(("http://", "https://")):
        raise UnknownError
    try:
        request = Request(address)  # noqa: S310 - checked above
        for name, value in _credentials().items():
            request.add_unredirected_header(name, value)  # to no other host
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - checked above
            found = json.load(answer)["model_version"]
        return Registered.of(int(found["version"]), _tags(found))
    except HTTPError as error:
        if error.code in {400, 404} and _says_no_alias(error):
            return None
        raise UnknownError from error
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise UnknownError from error


def _tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in found.get("tags", [])}


def _says_no_alias(error: HTTPError) -> bool:
    try:
        said = json.load(error)
    except (OSError, HTTPException, ValueError):
        return False
    return said.get("error_code") == "INVALID_PARAMETER_VALUE" and "alias" in str(said.get("message", "")).lower()


def _credentials() -> dict[str, str]:
    token, user = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
    if user:
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}

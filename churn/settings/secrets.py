"""Does an address hold a secret?

Settings are kept with every model, so that passwords stand in the environment alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from churn.errors import SettingsError

# A secret may hold a slash, as Amazon's do; a colon before anything but a port shows that one has begun.
_USER = re.compile(r"[^/?#]*@|[^/?#\[]*:(?!\d*(?:[/?#]|$)).*@")
_PARAMETER = re.compile(r"[?&;#]([^=&;#/?]+)=")
_SECRET = re.compile("pass|pwd|secret|token|key|credential|webhook|^sig|signature", re.IGNORECASE)
_SECRETS_STAND = (
    "leave it out, and set in the environment: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD for an MLflow "
    "server, PGUSER and PGPASSWORD for PostgreSQL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3"
)


def check_addresses(node: object, where: str = "") -> None:
    """Returns nothing where no address among the settings holds a secret; call it before an error could repeat one.

    Raises:
        SettingsError: naming the key, and not the secret.

    >>> check_addresses({"registry": {"uri": "http://host:5000"}})
    """
    if isinstance(node, Mapping):
        for key, child in node.items():
            check_addresses(child, f"{where}.{key}".lstrip("."))
    elif isinstance(node, list | tuple):
        for child in node:
            check_addresses(child, where)
    elif isinstance(node, str) and "://" in node:
        _check_address(node.partition("://")[2], where)


def looks_secret(name: str) -> bool:
    """Returns whether a parameter or an environment variable of that name would hold a secret.

    >>> looks_secret("PGPASSWORD"), looks_secret("CHURN_WEBHOOK_URL"), looks_secret("PGHOST")
    (True, True, False)
    """
    return _SECRET.search(name) is not None


def is_secret(name: str, value: str) -> bool:
    """Returns whether a variable holds a secret, and not the place of one, or the folder where commands run."""
    return looks_secret(name) and name not in {"PWD", "OLDPWD"} and not (value.startswith("/") and Path(value).exists())


def _check_address(address: str, where: str) -> None:
    names = [unquote(name) for name in _PARAMETER.findall(address)]
    secret = next((name for name in names if looks_secret(name)), None)
    if _USER.match(address) or secret:
        found = f"the parameter {secret}" if secret else "a user or password"
        raise SettingsError(where=where, found=f"{found} in the address", action=_SECRETS_STAND)

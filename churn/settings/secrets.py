"""Do settings, or the words of a command, hold a secret?

Settings are kept with every model, so that passwords stand in the environment alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from churn.errors import SettingsError
from churn.redaction import holds_password, looks_secret

# A secret may hold a slash, as Amazon's do; a colon before anything but a port shows that one has begun.
_USER = re.compile(r"[^/?#]*@|[^/?#\[]*:(?!\d*(?:[/?#]|$)).*@")
_PARAMETER = re.compile(r"[?&;#]([^=&;#/?]+)=")
_ARGUMENT = re.compile(r"['\"+~]*([\w.@/-]+)=(.*)", re.DOTALL)
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
    elif isinstance(node, str):
        _check_text(node, where)


def check_arguments(arguments: Sequence[str]) -> None:
    """Returns nothing where no argument of a command holds a secret; call it before Hydra could repeat one.

    Raises:
        SettingsError: naming the key, and not the secret.

    >>> check_arguments(["stage=train", "registry.uri=http://host:5000"])
    """
    for argument in arguments:
        named = _ARGUMENT.fullmatch(argument)
        check_addresses(named[2] if named else argument, named[1] if named else "command line")


def _check_text(text: str, where: str) -> None:
    for address in text.split("://")[1:]:
        _check_address(address, where)
    if holds_password(text):
        raise SettingsError(where=where, found="a password in a text", action=_SECRETS_STAND)


def _check_address(address: str, where: str) -> None:
    names = [unquote(name) for name in _PARAMETER.findall(address)]
    secret = next((name for name in names if looks_secret(name)), None)
    if _USER.match(address) or secret:
        found = f"the parameter {secret}" if secret else "a user or password"
        raise SettingsError(where=where, found=f"{found} in the address", action=_SECRETS_STAND)

"""How does a notice reach a chat, or a pager?

One POST of JSON. The address itself often is the secret, so that it stands in the environment, like the token.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from churn.stores.notice import Notice, Unsent, refused_by_network

if TYPE_CHECKING:
    from urllib.request import Request

ADDRESS = "CHURN_WEBHOOK_URL"
_TOKEN = "CHURN_WEBHOOK_TOKEN"  # noqa: S105 - the name of a variable
_TOO_MANY = 429
_HERE = {"localhost", "127.0.0.1", "::1"}


def post(notice: Notice, timeout_seconds: float) -> None:
    """Posts `text` (subject and text in one, as chat servers read it) and the notice's fields.

    Raises:
        Unsent: no address that can be asked, or one that a token would go to in clear; no answer in time, or another
            than 2xx. A redirection is not followed, since the token would go along.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        with _opened(_request(notice), timeout_seconds):
            return
    except HTTPError as error:
        again = error.code >= 500 or error.code == _TOO_MANY
        error.close()
        raise Unsent(f"HTTP status {error.code}", again=again) from None
    except (OSError, HTTPException, ValueError) as error:
        raise refused_by_network(error) from None


def _request(notice: Notice) -> Request:
    from urllib.parse import urlsplit
    from urllib.request import Request

    address, token = os.environ.get(ADDRESS, ""), os.environ.get(_TOKEN)
    if not address.startswith(("http://", "https://")):
        raise Unsent(f"{ADDRESS} is not set to an address that begins with http:// or https://", again=False)
    if token and address.startswith("http://") and urlsplit(address).hostname not in _HERE:
        raise Unsent(f"{_TOKEN} goes to no http:// address, where others can read it: use https://", again=False)
    body = json.dumps({"text": f"{notice.subject}\n{notice.text}", **notice.fields}).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    return Request(address, data=body, headers=headers, method="POST")  # noqa: S310 - of http alone, as seen above


def _opened(request: Request, timeout_seconds: float) -> Any:
    from urllib.request import HTTPRedirectHandler, build_opener

    class Staying(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """Answers that nothing else is to be asked."""

    return build_opener(Staying).open(request, timeout=timeout_seconds)

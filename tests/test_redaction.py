"""What anybody may read holds no secret, whatever the secret looks like; and looking never stops a run."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from churn.redaction import redacted, secrets


def test_a_secret_that_is_longer_than_any_file_name_and_begins_like_a_path_is_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "/" + "a" * 300)
    assert redacted(f"refused: /{'a' * 300}") == "refused: ***"


def test_a_place_in_a_folder_that_is_closed_to_this_user_is_no_secret_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setenv("PGPASSFILE", "/closed/.pgpass")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", closed)
        assert redacted("not read: /closed/.pgpass") == "not read: /closed/.pgpass"


@pytest.mark.parametrize("password", ["planted,and)more]", "'planted, and more'", 'planted"quoted'])
def test_a_password_in_a_connection_string_is_hidden_whole_whatever_characters_it_has(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("WAREHOUSE", f"host=db password={password} user=me")
    bare = password.strip("'")
    assert bare in secrets(os.environ)["WAREHOUSE"]
    for text in (f"no answer with {bare}", f"no answer from host=db password={password} user=me"):
        assert not any(word in redacted(text) for word in ("planted", "more", "quoted"))

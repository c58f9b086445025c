"""How do the nights of a backfill spread over a cluster that is there already?

Dask places the work, and anew where a worker dies; each night is one task, and publishes its own partition on a root
that all workers share. Tasks reach the scheduler pickled, so that it has to be as trusted as this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from churn.errors import SettingsError, TryAgainError

T = TypeVar("T")
A = TypeVar("A")
_SECONDS = 30


def over_cluster(address: str, task: Callable[[A], T], arguments: Sequence[A]) -> Iterator[T]:
    """Yields what the task returns for each argument, in their order; a task's own error comes out as it is.

    Raises:
        SettingsError: `distributed` is not installed.
        TryAgainError: no scheduler answers at the address, or worker after worker died at a task.
    """
    client_of, killed = _dask()
    try:
        client = client_of(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        here = "stage.cluster=null (of stage=nightly: stage.score.cluster=null)"
        action = f"start the scheduler, or set {here} to score on this machine"
        raise TryAgainError(where=f"cluster {address}", found=_first(error), action=action) from error
    with client:
        for future in client.map(task, arguments, pure=False):
            try:
                yield future.result()
            except killed as error:
                action = "look at the workers' logs (memory?), then run the same command again"
                raise TryAgainError(where=f"cluster {address}", found=_first(error), action=action) from error


def _dask() -> tuple[Callable[..., Any], type[Exception]]:
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        action = "install it, here and on every worker: pip install distributed (the wheel's extra: cluster)"
        raise SettingsError(where="stage.cluster", found="Dask is not installed", action=action) from error
    return Client, KilledWorker


def _first(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]

"""What is done once a run has ended, however it ended?

Its figures are left for Prometheus, and a person is told where one is called for: beside each other, and for no longer
than the settings allow. Nothing here changes how the run ended; what fails is a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from threading import Thread
from time import monotonic

from churn.gauges import LastRun, write_gauges
from churn.notices import channels, notice_of
from churn.reports.outcome import Outcome
from churn.settings import Settings
from churn.stores.notice import Notice, Unsent, send

log = logging.getLogger(__name__)


def follow(settings: Settings, end: Outcome | Exception, ended: LastRun) -> None:
    """Writes the metrics and sends the notices of a run that a schedule may start; of any other nothing."""
    if not settings.is_scheduled:
        return
    within = settings.notify.within_seconds

    def tell(channel: Callable[[Notice, float], None]) -> None:
        notice = notice_of(settings, end, ended.code)
        if notice:
            send(channel, notice, within_seconds=within)

    notices = {f"notice by {name}": partial(tell, channel) for name, channel in channels(settings).items()}
    _together({"metrics": partial(write_gauges, settings, ended), **notices}, within_seconds=within)


def _together(jobs: dict[str, Callable[[], None]], *, within_seconds: float) -> None:
    """Does the jobs at once, and waits for them so long; a daemon's thread keeps no process from its end."""
    until = monotonic() + within_seconds
    threads = {name: Thread(target=_guarded, args=(name, job), daemon=True) for name, job in jobs.items()}
    for name, thread in [*threads.items()]:
        try:
            thread.start()
        except RuntimeError as error:  # the machine has no room for another thread
            log.warning("%s: not done: %s", name, error)
            del threads[name]
    for name, thread in threads.items():
        thread.join(max(0.0, until - monotonic()))
        if thread.is_alive():
            log.warning("%s: not done within %d seconds, and given up", name, within_seconds)


def _guarded(name: str, job: Callable[[], None]) -> None:
    try:
        job()
    except Unsent as unsent:
        log.warning("%s was not sent: %s; look at notify.* and at what it needs of the environment", name, unsent)
    except OSError as error:
        log.warning("%s: not written: %s; set metrics.folder to one that this user may write", name, error)
    except Exception as error:  # whatever it is, the run has ended as it has
        log.warning("%s: %s: %s", name, type(error).__name__, error)
        log.debug("%s stopped", name, exc_info=True)

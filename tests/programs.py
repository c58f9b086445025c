"""Programs of the machine that tests ask what they make of our files.

Where one is missing its tests skip and say so; Debian's are `apt-get install systemd cron`.
"""

from __future__ import annotations

import shutil

import pytest

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze here: apt-get install systemd"
)
needs_cron = pytest.mark.skipif(shutil.which("crontab") is None, reason="no crontab here: apt-get install cron")

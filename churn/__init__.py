"""Nightly batch prediction for teams with one machine."""

import sys

__version__ = "0.1.0"

if sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)):  # before anything that another Python could not read
    sys.stderr.write(
        f"error: Python {'.'.join(map(str, sys.version_info[:3]))}: churn takes 3.11 to 3.13\n"
        "  do: start it with one of those, such as python3.11 -m churn\n"
    )
    sys.exit(2)

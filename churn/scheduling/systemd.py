"""What do systemd's units look like?

One service a command and one timer a job. A service sees the machine read-only but for what its plan may write, and has
no more than it needs; what lets it loose stands in the text with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from churn.errors import ExitCode
from churn.scheduling.plan import Place, Plan, Task

_HEAD = "# Written by stage=schedule: change its settings and run it again, not this file.\n"
_STOP = "1min"
# An ending that the same command would repeat; all others but success are tried again.
_FINAL = (
    *(str(int(code)) for code in (ExitCode.BUG, ExitCode.SETTINGS, ExitCode.DATA)),
    *("SIGTERM", "SIGKILL", "SIGINT", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE"),
)
_HARDENING = """\
# Numba compiles the scoring engine while it runs, so MemoryDenyWriteExecute=yes would stop it.
MemoryDenyWriteExecute=no
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateDevices=yes
PrivateIPC=yes
PrivateMounts=yes
PrivateUsers=yes
ProtectSystem=strict
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0027
"""
# A secret becomes an environment variable of the process alone: in no file, and on no command line.
_READ = (
    'for file in "$CREDENTIALS_DIRECTORY"/*; do secret=$(cat "$file") || exit 2; '
    'export "${file##*/}=$secret"; done; unset secret; '
)
_REFUSED = "'\"\\"  # in the name of a program


def units(plan: Plan) -> dict[str, str]:
    """Returns the text of each unit by its file name: a service a command, a timer a job."""
    found: dict[str, str] = {}
    before: list[str] = []
    for task in plan.tasks:
        names = services(plan, task)
        for place, name in enumerate(names):
            then = names[place + 1] if place + 1 < len(names) else None
            found[name] = _service(plan, task, place, after=before, then=then)
        found[timer(plan, task)] = _timer(plan, task)
        before += names
    return found


def timer(plan: Plan, task: Task) -> str:
    """Returns the name of a job's timer."""
    return f"{plan.name}-{task.name}.timer"


def services(plan: Plan, task: Task) -> list[str]:
    """Returns the names of a job's services, one a command, in their order."""
    return [
        f"{plan.name}-{task.name}.service" if place == 0 else f"{plan.name}-{task.name}-{place + 1}.service"
        for place in range(len(task.commands))
    ]


def word(text: str) -> str:
    r"""Returns a text as one word of a unit's line.

    >>> print(word('/srv/100 %/a "b"'))
    "/srv/100 %%/a \"b\""
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _service(plan: Plan, task: Task, place: int, *, after: Sequence[str], then: str | None) -> str:
    retry, number = plan.service.retry, f" ({place + 1} of {len(task.commands)})" if len(task.commands) > 1 else ""
    lines = [
        "[Unit]",
        f"Description={plan.name}: {task.name}{number}",
        *([f"After={' '.join(after)}"] if after else []),
        *(["Wants=network-online.target", "After=network-online.target"] if plan.place.network else []),
        *([f"OnSuccess={then}"] if then else []),
        *([f"OnFailure={plan.service.on_failure}"] if plan.service.on_failure else []),
        f"StartLimitBurst={retry.times + 1}",
        f"StartLimitIntervalSec={retry.within_hours}h",
        "",
        "[Service]",
        "Type=oneshot",
        *_command(plan, task.commands[place]),
        *_ends(plan),
        "",
        *_needs(plan.place),
    ]
    return _HEAD + "\n".join(lines) + "\n" + _HARDENING


def _command(plan: Plan, command: Sequence[str]) -> Iterator[str]:
    yield f"User={plan.user}"
    yield f"WorkingDirectory={_line(plan.place.working)}"
    yield from (f"Environment={word(f'{name}={text}')}" for name, text in plan.variables.items())
    secrets = plan.service.credentials
    yield from (f"LoadCredential={name}:{_line(path)}" for name, path in secrets.items())
    needs_shell = secrets or {*command[0]} & {*_REFUSED}
    whole = ["/bin/sh", "-c", f'{_READ if secrets else ""}exec "$@"', "sh", *command] if needs_shell else [*command]
    whole[0] = f":{whole[0]}"  # a $ means itself
    yield f"ExecStart={' '.join(map(word, whole))}"


def _ends(plan: Plan) -> Iterator[str]:
    code, service = ExitCode, plan.service
    yield f"# {code.PROMOTION_REFUSED}: promotion refused, {code.DRIFT_ALARM}: drift alarm; both are answers"
    yield f"SuccessExitStatus={code.PROMOTION_REFUSED} {code.DRIFT_ALARM}"
    if service.retry.times:
        yield f"# {code.TRY_AGAIN}: the outside world failed, {code.LOCKED}: another run is at work; tried again"
        yield "Restart=on-failure"
        yield f"RestartPreventExitStatus={' '.join(_FINAL)}"
        yield f"RestartSec={service.retry.delay_minutes}min"
    yield f"TimeoutStartSec={service.timeout_hours}h"
    yield f"TimeoutStopSec={_STOP}"
    if service.memory_bytes:
        yield f"MemoryMax={service.memory_bytes}"


def _needs(place: Place) -> Iterator[str]:
    yield from (f"ReadWritePaths={word(str(path))}" for path in place.writable)
    yield f"ReadOnlyPaths={word(str(place.folder))}"
    yield f"ProtectHome={'read-only' if place.sees_home else 'yes'}"
    yield f"PrivateTmp={'no' if place.sees_tmp else 'yes'}"
    if place.network:
        yield "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"
    else:
        yield "PrivateNetwork=yes"
        yield "IPAddressDeny=any"
        yield "RestrictAddressFamilies=AF_UNIX"


def _timer(plan: Plan, task: Task) -> str:
    lines = [
        "[Unit]",
        f"Description={plan.name}: when {task.name} is due",
        "",
        "[Timer]",
        f"OnCalendar={task.calendar} {plan.timezone}",
        "Persistent=yes",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _line(path: Path) -> str:
    return str(path).replace("%", "%%")

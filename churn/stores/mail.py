"""How does a notice reach a mailbox?

Over SMTP, encrypted unless the settings say otherwise; user and password stand in the environment.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from churn.errors import SettingsError
from churn.stores.notice import Notice, Unsent, refused_by_network

if TYPE_CHECKING:
    from email.message import EmailMessage
    from smtplib import SMTP

_USER, _PASSWORD = "CHURN_SMTP_USER", "CHURN_SMTP_PASSWORD"
_ADDRESS = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """To whom, from whom, and by which server; nobody in `to`: no mail.

    `security`: tls from the first byte on, starttls after the greeting (a server that has not got it is sent nothing),
    or none.
    """

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    security: Literal["tls", "starttls", "none"]

    def __post_init__(self) -> None:
        """Raises SettingsError for what is no mail address, or no port."""
        for key, address in (("sender", self.sender), *(("to", one) for one in self.to)):
            if not _ADDRESS.fullmatch(address):
                action = "write an address alone, such as ops@example.org"
                raise SettingsError(where=f"notify.mail.{key}", found=repr(address), action=action)
        if not 0 < self.port < 65_536:
            raise SettingsError(where="notify.mail.port", found=str(self.port), action="choose 25, 465 or 587")

    def send(self, notice: Notice, timeout_seconds: float) -> None:
        """Hands the notice to the server, for all recipients at once.

        Raises:
            Unsent: the server is away, will not encrypt, knows the user or a recipient not, or is busy.
        """
        import smtplib

        try:
            self._hand_over(_message(notice, self), timeout_seconds)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise Unsent(f"every recipient was refused: {min(codes)}", again=min(codes) < 500) from None
        except smtplib.SMTPResponseException as error:
            raise Unsent(f"SMTP status {error.smtp_code}", again=400 <= error.smtp_code < 500) from None
        except smtplib.SMTPNotSupportedError:
            raise Unsent("the server offers no STARTTLS, or no log-in: see notify.mail.security", again=False) from None
        except OSError as error:
            raise refused_by_network(error) from None

    def _hand_over(self, message: EmailMessage, timeout_seconds: float) -> None:
        user = os.environ.get(_USER)
        if user and self.security == "none":
            raise Unsent(f"{_USER} is set, and notify.mail.security=none would send its password in clear", again=False)
        server = self._connected(timeout_seconds)
        try:
            if user:
                server.login(user, os.environ.get(_PASSWORD, ""))
            refused = server.send_message(message)
            with suppress(OSError):  # it has been taken: an end without good manners must not send it twice
                server.quit()
        finally:
            server.close()
        if refused:
            raise Unsent(f"{len(refused)} of {len(self.to)} recipients were refused", again=False)

    def _connected(self, timeout_seconds: float) -> SMTP:
        import smtplib
        import ssl

        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=timeout_seconds, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=timeout_seconds)
        if self.security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def _message(notice: Notice, mail: Mail) -> EmailMessage:
    from email.message import EmailMessage
    from email.utils import formatdate

    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = notice.subject, mail.sender, ", ".join(mail.to)
    message["Date"], message["Message-ID"] = formatdate(), f"<{notice.run}@{mail.sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.text)
    return message

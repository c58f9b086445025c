"""How does a value become markup without ever becoming a command?

`Markup` is a type of its own, so that the type checker refuses text that has not been through `words`. What comes out
is well-formed as XML and as HTML alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import NewType

Markup = NewType("Markup", str)

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WITHOUT_END = frozenset({"meta"})


def words(text: object) -> Markup:
    """Returns a text as it is to be read, whatever it holds; a character that no document may hold becomes U+FFFD.

    >>> words("tenure < 30 & 'new'")
    'tenure &lt; 30 &amp; &#x27;new&#x27;'
    """
    return Markup(escape(_NOT_IN_XML.sub("\ufffd", str(text))))


def element(tag: str, *children: Markup, **attributes: object) -> Markup:
    """Returns one element around its children; `class_` is written class, `stroke_width` stroke-width.

    >>> element("text", words("a < b"), class_="label", text_anchor="end")
    '<text class="label" text-anchor="end">a &lt; b</text>'
    """
    listed = "".join(f' {name.rstrip("_").replace("_", "-")}="{words(value)}"' for name, value in attributes.items())
    if tag in _WITHOUT_END:
        return Markup(f"<{tag}{listed}/>")
    return Markup(f"<{tag}{listed}>{''.join(children)}</{tag}>")


def joined(parts: Iterable[Markup], *, between: str = "") -> Markup:
    """Returns the parts one after another."""
    return Markup(between.join(parts))

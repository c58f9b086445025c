"""What is a reason called, and in which words is it told?

Features that say the same to a person share one reason with one text, declared in YAML; a feature that is in none is a
reason of its own, told by its meaning. A text names values of its own features alone: `{sessions_30d} sessions`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any

from churn.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from churn.training.bundle import DictionaryEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What is said of some features where together they raise a score, or lower it (None: then nothing is said).

    `nulls` are the words for a feature's null; where there are none, it is unknown.

    >>> usage = Template(features=("days",), raises="last session {days} days ago", nulls={"days": "over 90"})
    >>> usage.text({"days": 3}, raises=True), usage.text({"days": None}, raises=True)
    ('last session 3 days ago', 'last session over 90 days ago')
    """

    features: tuple[str, ...]
    raises: str
    lowers: str | None = None
    nulls: dict[str, str] = field(default_factory=dict)

    def text(self, row: Mapping[str, object], *, raises: bool) -> str:
        """Returns the text for a row's values; those of its features have to be there."""
        values = {name: self._spelled(name, row[name]) for name in self.features}
        return (self.raises if raises else self.lowers or "").format_map(values)

    def _spelled(self, name: str, value: object) -> str:
        return self.nulls.get(name, "unknown") if value is None else spelled(value)

    def to_json(self) -> dict[str, Any]:
        """Returns the template as values that JSON knows."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Template:
        """Returns the template that `to_json` was given."""
        return cls(**{**fields, "features": tuple(fields["features"])})


def spelled(value: object) -> str:
    """Returns a value as a person writes it, numbers to two decimals at most.

    >>> [spelled(value) for value in (12345, 29.9, 0.333, -0.001, "basic")]
    ['12,345', '29.9', '0.33', '0', 'basic']
    """
    if isinstance(value, float):
        return f"{round(value, 2) + 0.0:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def completed(templates: Mapping[str, Template], features: Iterable[DictionaryEntry]) -> dict[str, Template]:
    """Returns the templates by their codes, then one of its own, named after it, for every feature that is in none.

    >>> from types import SimpleNamespace
    >>> tenure = SimpleNamespace(name="tenure_days", unit="days", meaning="since signup")
    >>> completed({}, [tenure])["tenure_days"].text({"tenure_days": 12}, raises=True)
    'tenure_days (days, since signup): 12'
    """
    grouped = {name for template in templates.values() for name in template.features}
    return dict(templates) | {one.name: _own(one) for one in features if one.name not in grouped}


def _own(feature: DictionaryEntry) -> Template:
    about = ", ".join(part for part in (feature.unit, feature.meaning) if part).replace("{", "{{").replace("}", "}}")
    text = f"{feature.name} ({about}): {{{feature.name}}}"
    return Template(features=(feature.name,), raises=text, lowers=text)


def check_templates(templates: Mapping[str, Template], features: Collection[str]) -> None:
    """Returns nothing where the templates are about these features, each in one template at most.

    Raises:
        SettingsError: an unknown feature, one that is in two templates, a code that is another feature's name, or a
            text that names what is no feature of its own.

    >>> check_templates({"plan": Template(features=("plna",), raises="")}, ["plan", "region"])
    Traceback (most recent call last):
    ...
    churn.errors.SettingsError: dataset.reasons.plan: no feature 'plna'
      do: did you mean 'plan'?
    """
    taken: dict[str, str] = {}
    for code, template in templates.items():
        where = f"dataset.reasons.{code}"
        _check_features(template, features, where=where)
        _check_texts(template, where=where)
        twice = [f"{name} is in {taken[name]}, too" for name in template.features if name in taken]
        if code in set(features) - set(template.features):
            twice.append("it has the name of a feature that is not in it")
        if twice:
            action = "give each feature one reason, and each reason a name of its own"
            raise SettingsError(where=where, found=twice[0], action=action)
        taken |= dict.fromkeys(template.features, code)


def _check_features(template: Template, features: Collection[str], *, where: str) -> None:
    if not template.features:
        raise SettingsError(where=where, found="no feature", action="name its features, or leave the reason out")
    for names, known in ((template.features, features), (template.nulls, template.features)):
        strange = [name for name in names if name not in known]
        if strange:
            found = f"no feature {strange[0]!r}" + (" in it" if known is template.features else "")
            raise SettingsError(where=where, found=found, action=did_you_mean(strange[0], known))


def _check_texts(template: Template, *, where: str) -> None:
    for text in (template.raises, template.lowers or ""):
        try:
            named = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
        except ValueError as error:
            found, action = f"{text!r}: {error}", "write {{ and }} for braces in a text"
            raise SettingsError(where=where, found=found, action=action) from error
        strange = [str(name) for name, form, turned in named if name not in template.features or form or turned]
        if strange:
            action = f"name a feature of it in braces, and no format; {did_you_mean(strange[0], template.features)}"
            raise SettingsError(where=where, found=f"{strange[0]!r} in the text {text!r}", action=action)

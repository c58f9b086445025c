"""What do all reports look like?

The colours are those of Okabe and Ito, darker or lighter where the paper asks for contrast: text 4.5 to 1 at least,
lines and marks 3 to 1, both held by a test. Paper is always light.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "soft": "#57606a",
    "rule": "#d8dee4",
    "train": "#0072b2",
    "validation": "#a8548a",
    "calibration": "#007a5a",
    "test": "#c04f00",
}
DARK = {
    "paper": "#14181d",
    "ink": "#e8ecf0",
    "soft": "#a9b3bd",
    "rule": "#363d46",
    "train": "#56b4e9",
    "validation": "#dd92bd",
    "calibration": "#2fbf97",
    "test": "#f0893b",
}


def _variables(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


STYLESHEET = f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }}
h1 {{ font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 1rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.15rem; margin: 0 0 0.25rem; }}
p {{ margin: 0 0 0.75rem; color: var(--soft); max-width: 44rem; }}
dl {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 0.75rem 1.5rem;
  margin: 0 0 1.5rem; }}
dl div {{ border-left: 3px solid var(--train); padding-left: 0.75rem; min-width: 0; }}
dt {{ color: var(--soft); font-size: 0.875rem; }}
dd {{ margin: 0; font-weight: 600; overflow-wrap: anywhere; }}
main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 0 2.5rem; }}
section {{ border-top: 1px solid var(--rule); padding: 1.25rem 0 1.75rem; min-width: 0; }}
section.wide {{ grid-column: 1 / -1; }}
svg.chart {{ display: block; overflow: visible; font-size: 12px; fill: var(--soft); }}
svg.chart svg {{ overflow: visible; }}
svg.square {{ margin: 2.25rem 0.75rem 3.25rem 2.75rem; width: calc(100% - 3.5rem); max-width: 25rem; height: auto;
  aspect-ratio: 1; }}
svg.long {{ margin: 2.25rem 0.75rem 3.25rem 2.75rem; width: calc(100% - 3.5rem); height: 13rem; }}
svg.rows {{ margin: 0.5rem 0.75rem 3rem; width: calc(100% - 1.5rem); }}
svg.bars {{ margin-bottom: 0.75rem; }}
.axis, .note {{ fill: var(--ink); }}
.name {{ fill: var(--ink); font-size: 13px; }}
.figure {{ fill: var(--ink); font-size: 13px; font-variant-numeric: tabular-nums; }}
.name, .figure, .note {{ paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }}
.grid {{ stroke: var(--rule); stroke-width: 1; }}
.track {{ fill: var(--rule); opacity: 0.5; }}
.bar, .dot {{ fill: var(--train); }}
.line {{ fill: none; stroke: var(--train); stroke-width: 2.5; stroke-linejoin: round; }}
.other {{ fill: none; stroke: var(--ink); stroke-width: 2; stroke-dasharray: 1.5 4; stroke-linecap: round; }}
.interval {{ stroke: var(--train); stroke-width: 2; }}
.reference, .border {{ fill: none; stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; }}
.mark {{ stroke: var(--paper); stroke-width: 1; }}
.train {{ fill: var(--train); }} .validation {{ fill: var(--validation); }}
.calibration {{ fill: var(--calibration); }} .test {{ fill: var(--test); }}
.heat {{ display: flex; gap: 0.75rem; margin: 0.5rem 0 2.5rem; }}
.heat ol {{ flex: none; max-width: 46%; margin: 0; padding: 0; list-style: none; font-size: 12px; line-height: 20px; }}
.heat li {{ height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.heat svg.chart {{ flex: 1; min-width: 0; }}
svg.key {{ display: inline-block; vertical-align: -2px; margin-right: 0.35rem; }}
.keys {{ display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin: 0; padding: 0; list-style: none; font-size: 0.875rem;
  color: var(--soft); }}
.cell {{ fill: var(--train); }} .low {{ fill-opacity: 0.1; }} .some {{ fill-opacity: 0.32; }}
.near {{ fill-opacity: 0.65; }} .over {{ fill: var(--test); }} .bolt {{ fill: var(--paper); }}
.untold {{ fill: none; stroke: var(--soft); stroke-width: 1.25; vector-effect: non-scaling-stroke; }}
.then {{ fill: var(--soft); }}
details {{ font-size: 0.875rem; }}
summary {{ cursor: pointer; color: var(--train); padding: 0.35rem 0; }}
.table {{ overflow-x: auto; }}
details .table {{ max-height: 28rem; overflow-y: auto; }}
.table:focus-visible, summary:focus-visible {{ outline: 2px solid var(--train); outline-offset: 2px; }}
table {{ border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }}
caption {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
th, td {{ padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  text-align: left; }}
th {{ font-weight: 600; }}
tbody th {{ font-weight: 400; max-width: 22rem; overflow-wrap: break-word; }}
td.text:last-child {{ min-width: 12rem; }}
td.date {{ white-space: nowrap; }}
.number {{ text-align: right; white-space: nowrap; }}
thead .number {{ white-space: normal; }}
@media print {{
  body {{ max-width: none; padding: 0; font-size: 10pt; }}
  main {{ grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 1.5rem; }}
  section {{ break-inside: avoid; }}
  .table, details .table {{ max-height: none; overflow: visible; }}
  svg, rect, circle, path {{ print-color-adjust: exact; }}
}}
@page {{ margin: 15mm; }}
"""

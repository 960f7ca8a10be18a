"""The report as one HTML file that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

import re
from html import escape

from runbook.report import charts
from runbook.report.facts import Facts
from runbook.report.words import Section, sections, title

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --line: #ddd; --dim: #666 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181b; --line: #383c42; --dim: #a0a0a0 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--paper) }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem }
.table { overflow-x: auto } table { border-collapse: collapse; font-size: .87rem; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line) }
th { color: var(--dim); font-weight: 600 } code { font-size: .85em; overflow-wrap: anywhere }
svg { width: 100%; height: auto; margin: .4rem 0 1rem } svg text { font: 12px system-ui, sans-serif; fill: var(--ink) }
svg .dim { fill: var(--dim) }
"""


def page(facts: Facts) -> str:
    """Return the whole report."""
    body = "".join(_section(facts, section) for section in sections(facts))
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title(facts))}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"{head}{view}<style>{_STYLE}</style><h1>{escape(title(facts))}</h1>{body}</html>\n"


def _section(facts: Facts, section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{_inline(line)}</p>" for line in section.lines]
    if section.chart:
        parts.append(charts.CHARTS[section.chart](facts))
    if section.rows:
        head = "".join(f"<th>{escape(column)}</th>" for column in section.columns)
        rows = "".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
        parts.append(f'<div class="table"><table><tr>{head}</tr>{rows}</table></div>')
    return "".join(parts)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))

"""Shadow: what was compared, and of each divergence both answers side by side."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import zip_longest
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from deployment.divergences import Found, found
from deployment.errors import UnreachableError
from runbook.engine import Engine
from runbook.tui.glyphs import BLUE, ORANGE
from runbook.tui.paint import Part, lines, text
from runbook.tui.room import Room, bindings, show
from runbook.tui.workers import Then, Work

#: Seconds between two questions; a thousand divergences are a megabyte or two.
EVERY = 10.0


class ShadowRoom(Room):
    """The comparisons of every Bridge, and its divergences, newest first."""

    room = "shadow"
    BINDINGS: ClassVar[list[BindingType]] = bindings("shadow")

    def __init__(self) -> None:
        super().__init__()
        self._told: tuple[Found, ...] = ()
        self._kept: list[Mapping[str, Any]] = []
        self._asked_at = 0.0

    def body(self) -> ComposeResult:
        with VerticalScroll(id="compared", classes="detail", can_focus=False) as box:
            box.border_title = "Compared"
            yield Static("asking ...", id="counts", markup=False)
        yield OptionList(id="divergences", classes="list", markup=False)
        with VerticalScroll(classes="detail", can_focus=False) as box:
            box.border_title = "Both answers"
            yield Static(id="answers", markup=False)

    def entered(self) -> None:
        self.query_one(OptionList).focus()

    def tick(self) -> None:
        super().tick()
        if self.ours.now() - self._asked_at >= EVERY:
            self.do_again()

    def do_again(self) -> None:
        """Ask the Bridges again."""

        def do(engine: Engine, work: Work) -> str:
            try:
                told, why = found(engine.target.observe()), ""
            except UnreachableError as error:
                told, why = (), error.message
            work.post(Then(partial(self.read, told, why)))
            return why

        self._asked_at = self.ours.now()
        self.ours.start("reading", do)

    def read(self, told: tuple[Found, ...], why: str) -> None:
        """Show what the Bridges told, or why they did not."""
        if not self.is_attached:
            return
        counts = self.query_one("#counts", Static)
        if why:
            show(counts, Content.assemble(("? ", f"bold {ORANGE}"), text(why)), layout=True)
            return
        self._told = told
        show(counts, lines(row for one in told for row in compared(one)), layout=True)
        kept = sorted((d for one in told for d in one.told["divergences"]), key=lambda d: -float(d["at"]))
        options = self.query_one(OptionList)
        options.border_title = f"Divergences: {len(kept)} kept, newest first" if kept else "Divergences: none is kept"
        if kept != self._kept:
            place = options.highlighted or 0
            self._kept = kept
            options.clear_options()
            options.add_options([Option(Content(line_of(one))) for one in kept])
            options.highlighted = min(place, len(kept) - 1) if kept else None
        self._detail()

    def on_option_list_option_highlighted(self, _event: OptionList.OptionHighlighted) -> None:
        self._detail()

    def on_resize(self, event: Any) -> None:
        super().on_resize(event)
        if self.ready:
            self._detail()

    def _detail(self) -> None:
        chosen = self.query_one(OptionList).highlighted
        answers = self.query_one("#answers", Static)
        if chosen is None or chosen >= len(self._kept):
            show(answers, lines(not_compared(self._told)), layout=True)
        else:
            show(answers, lines(side_by_side(self._kept[chosen], self.size.width - 5)), layout=True)


def compared(one: Found) -> Iterator[list[Part]]:
    """Yield what a Bridge compared, the operations with divergences first."""
    told = one.told
    counts = sorted(told["counts"], key=lambda row: (-row["divergence"], -row["comparisons"]))
    total, differed = (sum(row[name] for row in counts) for name in ("comparisons", "divergence"))
    if not told["comparing"] and not total:
        yield [(one.instance, "bold"), "  compares nothing: the mirror is off; weeks 2 and 3 turn it on"]
        return
    now = "compares" if told["comparing"] else "compared, the mirror is off now"
    style = f"bold {ORANGE}" if differed else ""
    row: list[Part] = [(one.instance, "bold"), f"  {now}: {total:,} comparisons, ", (f"{differed:,} divergent", style)]
    yield [*row, f", {told['raced']:,} raced"]
    if told["trouble"]:
        yield [("! ", f"bold {ORANGE}"), f"cannot compare now: {text(told['trouble'])}"]
    for count in counts[:6]:
        yield [
            f"  {text(count['operation']):<12} {count['comparisons']:>9,} compared ",
            (f"{count['divergence']:>6,} divergent", f"bold {ORANGE}" if count["divergence"] else "dim"),
            (f"  {text(count['primary'])} against {text(count['shadow'])}", "dim"),
        ]


def line_of(one: Mapping[str, Any]) -> str:
    """Return a divergence as one line."""
    when = time.strftime("%m-%d %H:%M:%S", time.localtime(one["at"]))
    return text(f"{when}  {one['path']}  {', '.join(one['differing'])}  by {', '.join(one['operations'])}")


def not_compared(told: tuple[Found, ...]) -> list[list[Part]]:
    """Return what is left out of the comparison, each with its reason."""
    ignored = {what: why for one in told for what, why in one.told["ignored"].items()}
    rows: list[list[Part]] = [[("not compared:", "dim")]] if ignored else [["nothing to show"]]
    rows += [[f"  {text(what):<24} ", text(why)] for what, why in ignored.items()]
    return rows


def side_by_side(one: Mapping[str, Any], width: int) -> list[list[Part]]:
    """Return both answers of a divergence in two columns; where an answer is a table, only what differs."""
    half = max(20, (width - 3) // 2)
    primary, shadow = one["primary"], one["shadow"]
    rows: list[list[Part]] = [[(text(one["path"]), "bold"), f"  by {text(', '.join(one['operations']))}"]]
    left, right = (f"{side['backend']} ({name})" for side, name in ((primary, "primary"), (shadow, "shadow")))
    rows.append([(f"{text(left):<{half}.{half}}", f"bold {BLUE}"), " | ", (text(right), f"bold {ORANGE}")])
    for what in one["differing"]:
        rows.append([(text(what), "dim")])
        mine, theirs = primary.get(what), shadow.get(what)
        columns = (_wrapped(mine, theirs, half), _wrapped(theirs, mine, half))
        for a, b in zip_longest(*columns, fillvalue=""):
            rows.append([f"{a:<{half}} | {b}"])
    return rows


def _wrapped(answer: Any, other: Any, width: int) -> list[str]:
    if answer is None:
        return ["nothing"]
    if isinstance(answer, dict) and isinstance(other, dict):
        answer = {key: value for key, value in answer.items() if other.get(key) != value}
    words = answer if isinstance(answer, str) else json.dumps(answer)
    return textwrap.wrap(text(words), width) or [""]

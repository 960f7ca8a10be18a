"""Checks: a live run, and of each finding what was seen, why it matters and what repairs it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from runbook.engine import Engine
from runbook.tui import remedy
from runbook.tui.glyphs import ORANGE
from runbook.tui.paint import Part, lines, text
from runbook.tui.room import Room, bindings, show
from runbook.tui.workers import Then, Work

if TYPE_CHECKING:
    from checks.runner import Result


class ChecksRoom(Room):
    """The checks of where the walk is."""

    room = "checks"
    BINDINGS: ClassVar[list[BindingType]] = bindings("checks")

    def body(self) -> ComposeResult:
        yield OptionList(id="checks", classes="list", markup=False)
        with VerticalScroll(classes="detail", can_focus=False) as box:
            box.border_title = "Finding"
            yield Static(id="finding", markup=False)

    def entered(self) -> None:
        self.query_one(OptionList).focus()

    def paint(self) -> None:
        super().paint()
        options = self.query_one(OptionList)
        wanted = self.ours.asked_ids()
        if wanted != tuple(option.id for option in options.options):
            options.clear_options()
            options.add_options([Option(Content(name), id=name) for name in wanted])
        for option in options.options:
            row = self._row(str(option.id))
            if option.prompt != row:
                options.replace_option_prompt(str(option.id), row)
        found = self._results()
        bad = sum(r.finding is not None for r in found.values())
        options.border_title = f"Checks: {len(found)} of {options.option_count} answered, {bad} with a finding"
        if options.highlighted is None and bad:  # what needs somebody is read first
            first = (n for n, o in enumerate(options.options) if (r := found.get(str(o.id))) and r.finding is not None)
            options.highlighted = next(first, None)
        self._detail()

    def on_option_list_option_highlighted(self, _event: OptionList.OptionHighlighted) -> None:
        self._detail()

    def on_option_list_option_selected(self, _event: OptionList.OptionSelected) -> None:
        self.ours.action_ask_again()

    def do_copy(self) -> None:
        """Copy the repair of the finding that is shown."""
        result = self._chosen()
        if result is None or result.finding is None:
            return
        self.app.copy_to_clipboard("\n".join(result.finding.commands) or result.finding.remedy)
        self.notify("copied, where the terminal allows it", timeout=2)

    def do_run(self) -> None:
        """Run the repair of the finding that is shown, where that is safe; it is shown and asked for first."""
        result = self._chosen()
        command = next((c for c in result.finding.commands if remedy.safe(c)), "") if result and result.finding else ""
        if not command:
            self.notify(
                f"nothing here is safe to run from a screen; {self.ours.shown_keys['copy']} copies it", timeout=4
            )
            return

        def look_first(engine: Engine, work: Work) -> str:
            project = engine.settings.project
            edits = remedy.edits(command, project)
            difference = "\n".join(edit.diff(project) for edit in edits if project is not None)
            work.post(Then(partial(self._ask, command, difference)))
            return ""

        self.ours.start("reading", look_first)

    def _ask(self, command: str, difference: str) -> None:
        from runbook.tui.dialogs import RemedyDialog

        again = self.ours.action_ask_again  # asked of the app here: in the work's thread there is none

        def do(engine: Engine, work: Work) -> str:
            code = remedy.run(command, engine.settings.path, work.say)
            work.post(Then(again))
            return f"`{command}` ended with {code}"

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.ours.start("remedy", do)
                self.ours.action_log()

        if self.is_attached:
            self.app.push_screen(RemedyDialog(command, difference), answered)

    def _results(self) -> dict[str, Result]:
        return cast("dict[str, Result]", self.ours.results)

    def _chosen(self) -> Result | None:
        options = self.query_one(OptionList)
        if options.highlighted is None or not options.option_count:
            return None
        return self._results().get(str(options.get_option_at_index(options.highlighted).id))

    def _row(self, name: str) -> Content:
        result = self._results().get(name)
        g = self.ours.glyphs
        if result is None:
            running = any(w.kind == "checks" for w in self.ours.works)
            return Content.assemble((f"  {name:<24} {'asking ...' if running else 'not asked'}", "dim"))
        if result.finding is None:
            word = "[ok]  " if not g.utf8 else "✓ ok  "
            return Content(f"{word} {name:<24} {text(result.check.fine or result.check.question)}")
        words = {"fail": "✗ FAIL", "warn": "! warn", "unknown": "? none"}
        plain = {"fail": "[FAIL]", "warn": "[warn]", "unknown": "[?]   "}
        mark = (words if g.utf8 else plain)[result.finding.severity]
        return Content.assemble((f"{mark} {name:<24} ", f"bold {ORANGE}"), text(result.finding.seen))

    def _detail(self) -> None:
        result = self._chosen()
        detail = self.query_one("#finding", Static)
        before = detail.content
        self._describe(detail, result)
        if detail.content != before:  # it may take more rows now, and fewer are left for the list
            self.call_after_refresh(self.query_one(OptionList).scroll_to_highlight)

    def _describe(self, detail: Static, result: Result | None) -> None:
        if result is None:
            show(detail, Content("choose a check with up and down; enter asks again"), layout=True)
            return
        rows: list[list[Part]] = [[(result.check.id, "bold"), f"  {result.check.question}  {result.seconds:.1f} s"]]
        found = result.finding
        if found is not None:
            rows.append([("seen  ", "dim"), text(found.seen)])
            rows += [[("why   ", "dim"), text(found.why)]] if found.why else []
            rows += [[("fix   ", "dim"), text(found.remedy)]] if found.remedy else []
            shown = self.ours.shown_keys
            for command in found.commands:
                how = f"   {shown['run']} runs it" if remedy.safe(command) and not self.ours.read_only else ""
                rows.append([("      $ ", "dim"), (text(command), "bold"), (how, "dim")])
            rows += [[(f"      {shown['copy']} copies", "dim")]] if found.commands else []
        show(detail, lines(rows), layout=True)

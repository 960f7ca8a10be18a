"""Week 8's steps beyond the deployment: the archive before anything goes, then the project's purge, then the proof.

What they need is imported when they are asked for: their parsers are heavy, and seven weeks do without them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from deployment.errors import OperatorError
from deployment.model import Side
from deployment.targets.target import Say, Target
from runbook.archiving import Archiving, PurgeStep
from runbook.clock import Clock
from runbook.journal import Journal
from runbook.settings import Settings
from runbook.steps import Step

if TYPE_CHECKING:
    from cleanup.claim import Claim


class Purge:
    """The cleanup of one deployment."""

    def __init__(self, settings: Settings, target: Target, journal: Journal, clock: Clock) -> None:
        self._settings, self._target = settings, target
        self._archiving = Archiving(settings, target, journal, clock)
        self._left_alone = False  # somebody's work is in the project's working tree

    def first(self) -> tuple[Step, ...]:
        """Return what must be done before anything is purged: the tag, and an archive that was restored once."""
        tag = tuple(s for s in self._project_steps() if s.subject.startswith("tag "))
        guard = () if self._somebody_needs_fusepy() is None else (self._guard(),)
        return (*guard, *tag, *([self._archiving.step()] if self._archiving.is_wrong() else []))

    def back(self) -> tuple[Step, ...]:
        """Return what a rollback gives back from the archive before the deployment changes: images and packages."""
        return self._archiving.back()

    def shown_again(self) -> tuple[Step, ...]:
        """Return what brings the project's working tree back, once fusepy serves; it never holds a rollback up."""
        if self._settings.project is None or not self._archiving.folder.exists() or self._left_alone:
            return ()
        from cleanup import plan

        try:
            found = plan.way_back(self._settings.project)
        except OperatorError:
            return ()  # no repository any more: the archive has it
        return tuple(PurgeStep(a.subject, a.before, a.after, a.undo, self._if_clean(a.apply), _always) for a in found)

    def last(self) -> tuple[Step, ...]:
        """Return what is to be done once pyfuse3 alone serves: the project's purge and the proof that all is gone."""
        project = tuple(s for s in self._project_steps() if not s.subject.startswith("tag "))
        return (*project, *self._proofs())

    def _project_steps(self) -> tuple[PurgeStep, ...]:
        from cleanup import plan

        if self._settings.project is None:
            return ()
        found = plan.actions(self._settings.project)
        return tuple(
            PurgeStep(a.subject, a.before, a.after, a.undo, a.apply, a.holds, purges=bool(a.files)) for a in found
        )

    def _guard(self) -> PurgeStep:
        hint = "`lighthouse-migrate status` shows who serves whom"
        return PurgeStep("guard", "fusepy", "nobody needs fusepy", hint, _nothing, self._somebody_needs_fusepy)

    def _somebody_needs_fusepy(self) -> str | None:
        """Return who still stands on the old backend, or None where it may go."""
        seen = self._target.observe()
        if seen.serving(Side.STABLE) is None:
            return None  # it is gone already
        if seen.router and seen.weight != 100:
            return f"{'?' if seen.weight is None else 100 - seen.weight}% of the clients are on the stable side"
        shown = seen.named(seen.live) if seen.live else None
        if shown is None or shown.serving != "pyfuse3":
            return f"the live path shows {shown.serving if shown else 'nobody known'}"
        return None

    def _if_clean(self, act: Callable[[Say], None]) -> Callable[[Say], None]:
        def apply(say: Say) -> None:
            try:
                act(say)
            except OperatorError as error:
                say(f"! the project was left as it is: {error.message}")
                self._left_alone = True

        return apply

    def _proofs(self) -> tuple[PurgeStep, ...]:
        if self._archiving.recorded("proof") and self._disproved() is None:
            return ()
        act, holds = self._prove, partial(self._disproved, deep=True)
        return (PurgeStep("proof", "unproved", "every trace looked for", "none needed", act, holds),)

    def _prove(self, say: Say) -> None:
        """Look everywhere, say what was found and write it down."""
        claims = self._claims(deep=True)
        for claim in claims:
            word = {True: "ok", False: "FAIL", None: "?"}[claim.holds]
            say(f"[{word}] {claim.claim}{f': {claim.detail}' if claim.detail else ''}")
        found = [{"claim": c.claim, "holds": c.holds, "detail": c.detail} for c in claims]
        self._archiving.record("proof", claims=found)
        self._archiving.record("image-sizes", bytes=self._archiving.sizes())

    def _disproved(self, *, deep: bool = False) -> str | None:
        return next((c.detail or c.claim for c in self._claims(deep=deep) if not c.holds), None)

    def _claims(self, *, deep: bool) -> tuple[Claim, ...]:
        from cleanup import proof

        return proof.prove(self._target, self._settings.place, self._settings.project, deep=deep)

    def keeping(self) -> tuple[Step, ...]:
        """Return the step that writes down what stays, and why, where both backends are kept for good."""
        if self._archiving.recorded("kept-dual"):
            return ()

        def act(say: Say) -> None:
            keeps = self._kept()
            for kept in keeps:
                say(f"stays: {kept['what']}: {kept['why']}")
            self._archiving.record("kept-dual", keeps=keeps)
            self._archiving.record("image-sizes", bytes=self._archiving.sizes())

        def holds() -> str | None:
            return None if self._archiving.recorded("kept-dual") else "what stays was not written down"

        return (PurgeStep("report", "both kept", "what stays, and why", "none needed", act, holds),)

    def _kept(self) -> list[dict[str, str]]:
        why = "cleanup.keep_dual is set: fusepy stays warm, and a rollback takes milliseconds"
        keeps = [{"what": f"image {image}", "why": why} for image in sorted(self._target.observe().images)]
        keeps.append({"what": "libfuse2 and fusepy in image dual", "why": "the stable Bridge serves with them"})
        if self._settings.project is not None:
            from cleanup.inventory import inventory
            from cleanup.repository import Repository

            traces = inventory(Repository(self._settings.project).tree("HEAD"))
            count: dict[str, int] = {}
            for trace in traces:
                if trace.doing:
                    count[trace.kind] = count.get(trace.kind, 0) + 1
            keeps += [
                {"what": f"{n} places of {k} in the project", "why": "both backends are built"}
                for k, n in count.items()
            ]
        return keeps


def _always() -> str | None:
    return None


def _nothing(_say: Say) -> None:
    """Do nothing: a proof only looks."""

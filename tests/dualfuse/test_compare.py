"""Judging what two sides show: same, raced or divergent; and the tap that says what to look at."""

from __future__ import annotations

from collections.abc import Sequence

from dualfuse.comparator import Comparator
from dualfuse.compare import AGAIN, CONFIRMATIONS, QUESTIONS, Asked, Look, Outcome, Wanted, compare, wanted
from dualfuse.observe import ASPECTS, COMPARED, IGNORED, Observation, is_question
from dualfuse.tap import QUEUE, SAMPLED, Tap


def look(*answers: dict[str, Observation]) -> tuple[list[Asked], Look]:
    """Return a side that gives one answer after the other, the last one for ever, and what it was asked."""
    asked: list[Asked] = []
    left = list(answers)

    def side(paths: Asked) -> Sequence[Observation]:
        asked.append(paths)
        answer = left.pop(0) if len(left) > 1 else left[0]
        return [answer.get(path, {"error": "ENOENT"}) for path, _ in paths]

    return asked, side


def on(**operations: tuple[str, ...]) -> Wanted:
    return {path: {name: QUESTIONS[name] for name in names} for path, names in operations.items()}


def outcomes(primary: Look, shadow: Look, **operations: tuple[str, ...]) -> dict[str, Outcome]:
    return {one.path: one.outcome for one in compare(on(**operations), primary, shadow)}


def test_equal_answers_are_same_after_one_look_at_each_side() -> None:
    asked_one, one = look({"a": {"content": "x"}})
    asked_other, other = look({"a": {"content": "x"}})
    assert outcomes(one, other, a=("write",), b=("unlink",)) == {"a": Outcome.SAME, "b": Outcome.SAME}
    assert asked_one == asked_other == [[("a", ["attributes", "content"]), ("b", ["attributes"])]]


def test_a_difference_that_stays_is_divergent_after_it_was_seen_again_and_again() -> None:
    asked_here, one = look({"a": {"content": "x"}, "b": {"content": "y"}})
    asked, other = look({"a": {"content": "z"}, "b": {"content": "y"}})
    assert outcomes(one, other, a=("write",), b=("write",)) == {"a": Outcome.DIVERGENT, "b": Outcome.SAME}
    assert asked[1:] == [[("a", list(ASPECTS))]] * CONFIRMATIONS  # only the suspect, and in all aspects
    assert len(asked_here) == 1 + 2 * CONFIRMATIONS


def test_a_primary_that_differs_from_itself_is_raced() -> None:
    _, one = look({"a": {"content": "1"}}, {"a": {"content": "2"}}, {"a": {"content": "3"}})
    _, other = look({"a": {"content": "9"}})
    assert outcomes(one, other, a=("write",)) == {"a": Outcome.RACED}


def test_a_name_that_comes_and_goes_is_raced_although_it_is_missing_each_time() -> None:
    missing = {"error": "ENOENT"}
    _, one = look(
        {"a": {**missing, "as_of": ["", 1]}}, {"a": {**missing, "as_of": ["", 1]}}, {"a": {**missing, "as_of": ["", 2]}}
    )
    _, other = look({"a": {"attributes": {}}})
    assert outcomes(one, other, a=("write",)) == {"a": Outcome.RACED}
    _, never = look({"a": {**missing, "as_of": ["", 1]}})
    assert outcomes(never, other, a=("write",)) == {"a": Outcome.DIVERGENT}
    _, also_missing = look({"a": {**missing, "as_of": ["", 99]}})
    assert outcomes(never, also_missing, a=("write",)) == {"a": Outcome.SAME}


def test_a_difference_that_goes_was_a_race() -> None:
    _, one = look({"a": {"content": "1"}}, {"a": {"content": "2"}})
    _, other = look({"a": {"content": "2"}})
    assert outcomes(one, other, a=("write",)) == {"a": Outcome.SAME}


def test_a_difference_that_goes_at_the_last_confirmation_was_none() -> None:
    _, one = look({"a": {"content": "1"}})
    _, other = look(*[{"a": {"content": "2"}}] * CONFIRMATIONS, {"a": {"content": "1"}})
    assert outcomes(one, other, a=("write",)) == {"a": Outcome.SAME}


def test_a_path_that_only_one_side_has_is_divergent_for_all_its_operations() -> None:
    _, one = look({"a": {"attributes": {}}})
    _, other = look({})
    (compared,) = compare(on(a=("getattr", "write")), one, other)
    assert compared.diverged() == ("getattr", "write")


def test_a_divergence_counts_for_the_operations_it_concerns() -> None:
    _, one = look({"a": {"attributes": {"st_size": 1}, "content": "x", "xattrs": {}}})
    _, other = look({"a": {"attributes": {"st_size": 1}, "content": "y", "xattrs": {}}})
    (compared,) = compare(on(a=("getattr", "write", "setxattr")), one, other)
    assert compared.diverged() == ("write",)
    assert compared.differing() == ("content",)


def test_only_what_could_be_answered_counts_as_compared() -> None:
    _, one = look({"a": {"attributes": {}, "content": "x"}, "d": {"attributes": {}, "listing": []}})
    again = {"a": dict(AGAIN), "d": dict(AGAIN), "gone": dict(AGAIN)}
    compared = {each.path: each.operations() for each in compare(again, one, one)}
    assert compared == {"a": ("getattr", "read"), "d": ("getattr", "readdir"), "gone": ("getattr",)}


def test_samples_become_the_questions_that_ask_the_same_again() -> None:
    samples = [
        ("read", "/a/f", (4096, 512)), ("read", "/a/f", (0, 512)), ("getattr", "/a/f", None),
        ("getxattr", "/a/f", "user.x"), ("rename", "/a/new", None), ("statfs", "/", None),
        ("read", "/x/.fuse_hidden01", (0, 1)), ("read", "/debug/stats", (0, 1)),
    ]  # fmt: skip
    assert wanted(samples, lambda path: path.startswith("debug")) == {
        "a/f": {
            "read": ("attributes", "bytes:4096:512", "bytes:0:512"),
            "getattr": ("attributes",),
            "getxattr": ("attributes", "xattrs", "xattr:user.x"),
        },
        "a/new": {"rename": ("attributes",)},
        "a": {"readdir": ("attributes", "listing")},  # what a rename changes
    }


def test_everything_that_is_sampled_can_be_compared() -> None:
    assert set(QUESTIONS) == set(SAMPLED)
    assert all(is_question(question) for questions in QUESTIONS.values() for question in questions)
    assert not set(COMPARED) & set(IGNORED)
    assert all(IGNORED.values())


def test_what_cannot_be_asked_is_no_question() -> None:
    for text in ("contents", "bytes:", "bytes:-1:5", "bytes:0:99999999", "xattr:", "xattr:a\0b", "bytes:0", 7, None):
        assert not is_question(text)
    assert is_question("bytes:0:4096")
    assert is_question("xattr:user.x")


def test_the_tap_is_bounded_mutes_the_comparator_and_sleeps_until_asked() -> None:
    callers = [7]
    tap = Tap(lambda: callers[0])
    tap("getattr", ("/unheard",))
    assert tap.take([9], 10) == []
    for number in range(QUEUE + 5):
        tap("read", (f"/{number}", 512, 4096, 1))
    tap("statfs", ("/",))
    callers[0] = 9
    tap("getattr", ("/the comparator's own",))
    taken = tap.take([9], QUEUE * 2)
    assert len(taken) == QUEUE
    assert (taken[0], taken[-1]) == (("read", "/5", (4096, 512)), ("read", f"/{QUEUE + 4}", (4096, 512)))


def test_the_tap_hands_out_the_newest_and_then_notes_fewer() -> None:
    tap = Tap(lambda: 7)
    tap.take([9], 10)
    for number in range(1000):
        tap("getattr", (f"/{number}",))
    assert [path for _, path, _ in tap.take([9], 10)] == [f"/{number}" for number in range(990, 1000)]
    for number in range(1000):
        tap("getattr", (f"/{number}",))
    assert 1 <= len(tap.take([9], 1000)) < 40
    assert tap.seen == 2000


def test_the_tap_keeps_what_a_call_was_about_and_never_its_content() -> None:
    tap = Tap(lambda: 7)
    tap.take([9], 10)
    tap("write", ("/a", b"secret", 100, 1))
    tap("rename", ("/a", "/b"))
    tap("setxattr", ("/b", "user.x", b"secret", 0))
    assert tap.take([9], 10) == [
        ("write", "/a", (100, 6)), ("rename", "/a", None), ("rename", "/b", None), ("setxattr", "/b", "user.x"),
    ]  # fmt: skip


class Shown:
    """A side that shows what it is told."""

    def __init__(self, backend: str, shown: dict[str, Observation]) -> None:
        self.backend = backend
        self.shown = shown

    def look(self, asked: Asked) -> Sequence[Observation]:
        return [self.shown.get(path, {"error": "ENOENT"}) for path, _ in asked]


def test_the_comparator_counts_by_operation_keeps_both_answers_and_looks_again_at_what_it_knows() -> None:
    one, other = Shown("fusepy", {"a": {"content": "x"}}), Shown("pyfuse3", {"a": {"content": "x"}})
    comparator = Comparator(one, other)
    assert comparator.work([("release", "/a", None)], 4) == 1
    assert comparator.total("divergence") == 0
    for _ in range(4):
        comparator.work([("getattr", "/a", None)], 4)
    assert comparator.counts["comparisons", "read", "fusepy", "pyfuse3"] == 2  # reading is compared every other time
    other.shown = {"a": {"content": "stale"}}
    assert comparator.work([], 4) == 1  # nothing was sampled, but the path is known
    assert comparator.counts["comparisons", "release", "fusepy", "pyfuse3"] == 1
    assert comparator.counts["divergence", "read", "fusepy", "pyfuse3"] == 1
    (found,) = comparator.divergences
    assert (found["path"], found["operations"], found["differing"]) == ("a", ("read",), ("content",))
    assert found["primary"] == {"backend": "fusepy", "content": "x"}
    assert found["shadow"] == {"backend": "pyfuse3", "content": "stale"}
    one.shown = other.shown = {}
    comparator.work([], 4)
    assert comparator.known == 0  # gone on both sides


def test_what_a_known_folder_lists_is_looked_at_too_where_the_tap_is_silent() -> None:
    def tree(content: str) -> dict[str, Observation]:
        names = ["new", "own", ".fuse_hidden0001"]
        return {"f": {"listing": names}, "f/new": {"content": content}, "f/own": {"content": content}}

    one, other = Shown("fusepy", tree("x")), Shown("pyfuse3", tree("x"))
    comparator = Comparator(one, other, lambda path: path == "f/own", begin=("f",))
    comparator.work([], 4)
    assert comparator.total("divergence") == 0
    other.shown = tree("stale")
    for _ in range(4):
        comparator.work([], 1)
    assert {found["path"] for found in comparator.divergences} == {"f/new"}

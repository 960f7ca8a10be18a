"""Judging what two sides show: same, raced or divergent."""

from __future__ import annotations

from collections.abc import Sequence

from dualfuse.compare import ASPECTS_OF, Asked, Outcome, compare, grouped
from dualfuse.observe import ASPECTS, COMPARED, IGNORED, Observation, gathered, shares
from dualfuse.tap import QUEUE, SAMPLED, Tap


def look(*answers: dict[str, Observation]) -> tuple[list[Asked], object]:
    """Return a side that gives one answer after the other, the last one for ever, and what it was asked."""
    asked: list[Asked] = []
    left = list(answers)

    def side(paths: Asked) -> Sequence[Observation]:
        asked.append(paths)
        answer = left.pop(0) if len(left) > 1 else left[0]
        return [answer.get(path, {"error": "ENOENT"}) for path, _ in paths]

    return asked, side


def outcomes(primary: object, shadow: object, **wanted: tuple[str, ...]) -> dict[str, Outcome]:
    return {one.path: one.outcome for one in compare(wanted, primary, shadow)}  # type: ignore[arg-type]


def test_equal_answers_are_same_after_one_look_at_each_side() -> None:
    asked_one, one = look({"a": {"content": "x"}})
    asked_other, other = look({"a": {"content": "x"}})
    assert outcomes(one, other, a=("read",), b=("unlink",)) == {"a": Outcome.SAME, "b": Outcome.SAME}
    assert asked_one == asked_other == [[("a", ["attributes", "content"]), ("b", ["attributes"])]]


def test_a_difference_that_stays_is_divergent() -> None:
    _, one = look({"a": {"content": "x"}, "b": {"content": "y"}})
    asked, other = look({"a": {"content": "z"}, "b": {"content": "y"}})
    assert outcomes(one, other, a=("read",), b=("read",)) == {"a": Outcome.DIVERGENT, "b": Outcome.SAME}
    assert asked[1] == [("a", list(ASPECTS))]  # only the suspect is looked at again, and in all aspects


def test_a_primary_that_differs_from_itself_is_raced() -> None:
    _, one = look({"a": {"content": "1"}}, {"a": {"content": "2"}}, {"a": {"content": "3"}})
    _, other = look({"a": {"content": "9"}})
    assert outcomes(one, other, a=("read",)) == {"a": Outcome.RACED}


def test_a_name_that_comes_and_goes_is_raced_although_it_is_missing_each_time() -> None:
    missing = {"error": "ENOENT"}
    _, one = look(
        {"a": {**missing, "as_of": ["", 1]}}, {"a": {**missing, "as_of": ["", 1]}}, {"a": {**missing, "as_of": ["", 2]}}
    )
    _, other = look({"a": {"attributes": {}}})
    assert outcomes(one, other, a=("read",)) == {"a": Outcome.RACED}
    _, never = look({"a": {**missing, "as_of": ["", 1]}})
    assert outcomes(never, other, a=("read",)) == {"a": Outcome.DIVERGENT}
    _, also_missing = look({"a": {**missing, "as_of": ["", 99]}})
    assert outcomes(never, also_missing, a=("read",)) == {"a": Outcome.SAME}


def test_a_difference_that_goes_was_a_race() -> None:
    _, one = look({"a": {"content": "1"}}, {"a": {"content": "2"}})
    _, other = look({"a": {"content": "2"}})
    assert outcomes(one, other, a=("read",)) == {"a": Outcome.SAME}


def test_a_path_that_only_one_side_has_is_divergent_for_all_its_operations() -> None:
    _, one = look({"a": {"attributes": {}}})
    _, other = look({})
    (compared,) = compare({"a": ("getattr", "read")}, one, other)  # type: ignore[arg-type]
    assert compared.diverged() == ("getattr", "read")


def test_a_divergence_counts_for_the_operations_it_concerns() -> None:
    _, one = look({"a": {"attributes": {"st_size": 1}, "content": "x", "xattrs": {}}})
    _, other = look({"a": {"attributes": {"st_size": 1}, "content": "y", "xattrs": {}}})
    (compared,) = compare({"a": ("getattr", "read", "setxattr")}, one, other)  # type: ignore[arg-type]
    assert compared.diverged() == ("read",)


def test_samples_are_grouped_by_path_and_hidden_files_left_out() -> None:
    samples = [("read", "/a"), ("read", "/a"), ("getattr", "/a"), ("statfs", "/"), ("read", "/x/.fuse_hidden01")]
    assert grouped(samples) == {"a": ("read", "getattr")}


def test_everything_that_is_sampled_can_be_compared() -> None:
    assert set(ASPECTS_OF) == SAMPLED
    assert not set(COMPARED) & set(IGNORED)
    assert all(IGNORED.values())


def test_paths_are_dealt_out_by_folder_and_answers_put_back_in_order() -> None:
    asked = [(path, ["attributes"]) for path in ("b/1", "a/1", "b/2", "a/2", "c")]
    dealt = shares(asked, 2)
    assert sorted(number for numbers in dealt for number in numbers) == [0, 1, 2, 3, 4]
    answers = [[{"path": asked[number][0]} for number in numbers] for numbers in dealt]
    assert [answer["path"] for answer in gathered(dealt, answers)] == [path for path, _ in asked]
    assert shares([], 2) == []


def test_the_tap_is_bounded_mutes_the_comparator_and_sleeps_until_asked() -> None:
    callers = [7]
    tap = Tap(lambda: callers[0])
    tap("read", "/unheard")
    assert tap.take([9], 10) == []
    for number in range(QUEUE + 5):
        tap("read", f"/{number}")
    tap("statfs", "/")
    callers[0] = 9
    tap("read", "/the comparator's own")
    taken = tap.take([9], QUEUE * 2)
    assert len(taken) == QUEUE
    assert (taken[0], taken[-1]) == (("read", "/5"), ("read", f"/{QUEUE + 4}"))

"""What stands on a terminal becomes SVG that asks nobody for anything."""

from __future__ import annotations

import socket
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.segment import Segment
from rich.style import Style

from docs import draw
from docs.film import Moment, film, moment, picture

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*rows: list[Segment], seconds: float = 1.0) -> Moment:
    return moment(rows, 10, seconds)


def texts(svg: str) -> list[ElementTree.Element]:
    return [*ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_each_run_stands_in_its_cells_in_its_colours() -> None:
    svg = picture(drawn([Segment(" a b "), Segment("c<d", Style(color="#e69f00", bold=True)), Segment("    ")]))
    plain, orange = texts(svg)
    assert (plain.text, plain.get("x"), plain.get("textLength")) == ("a\u00a0b", "8.4", "25.2")
    assert (orange.text, orange.get("x"), orange.get("fill"), orange.get("class")) == ("c<d", "42", "#e69f00", "b")


def test_what_is_behind_a_run_is_drawn_where_it_is_another_colour() -> None:
    svg = picture(drawn([Segment("ab", Style(color="#ffffff", bgcolor="#0072b2", reverse=True)), Segment("c")]))
    behind = [r for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("fill") == "#ffffff"]
    assert [r.get("width") for r in behind] == ["16.8"]
    assert texts(svg)[0].get("fill") == "#0072b2"


def test_a_blank_row_is_left_out_and_the_picture_stays_as_high() -> None:
    one = drawn([Segment("a")], [Segment("     ")], [Segment("b")])
    root = ElementTree.fromstring(picture(one))
    assert [use.get("y") for use in root.iter(f"{SVG}use")] == ["0", "36"]
    assert root.get("height") == "74"


def test_a_film_shows_each_moment_for_its_time_and_keeps_a_row_once() -> None:
    svg = film(
        [drawn([Segment("same")], [Segment("one")], seconds=1), drawn([Segment("same")], [Segment("two")], seconds=3)]
    )
    assert sorted(str(t.text) for t in texts(svg)) == ["one", "same", "two"]
    assert "0.0000%{transform:translateY(0px)}25.0000%{transform:translateY(-36px)}" in svg
    assert "animation:walk 4s step-end infinite" in svg
    assert "@media(prefers-reduced-motion){#walk{animation:none}}" in svg
    assert [u.get("y") for u in ElementTree.fromstring(svg).iter(f"{SVG}use")] == ["0", "18", "36", "54"]


def test_a_picture_that_tells_of_this_machine_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "FOLDER", tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "a-host")
    with pytest.raises(ValueError, match="home tells of a-host"):
        draw.draw("home", "<svg>advance by process 7 on a-host</svg>")
    assert [*tmp_path.iterdir()] == []
    draw.draw("home", "<svg/>")
    assert (tmp_path / "home.svg").read_text() == "<svg/>"


@pytest.mark.parametrize("drawing", sorted(draw.FOLDER.glob("*.svg")), ids=lambda p: p.stem)
def test_the_committed_pictures_are_whole_and_ask_nobody_for_anything(drawing: Path) -> None:
    svg = drawing.read_text()
    assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
    assert svg.replace('xmlns="http://www.w3.org/2000/svg"', "").count("://") == 0
    assert draw.told(svg) == []

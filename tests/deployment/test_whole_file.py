"""A file that is replaced at once, by whoever writes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployment.whole_file import write_whole

TEXTS = [str(number) * 1000 for number in range(4)]


def test_its_folder_is_made_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "file", "grüße\n")
    assert (tmp_path / "new" / "file").read_bytes() == "grüße\n".encode()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_threads_that_write_the_same_file_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "file"

    def write(text: str) -> None:
        for _ in range(300):
            write_whole(file, text)
            assert file.read_text() in TEXTS

    with ThreadPoolExecutor(len(TEXTS)) as threads:
        list(threads.map(write, TEXTS))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

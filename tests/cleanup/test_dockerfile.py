"""Dockerfiles become single-backend ones, every other byte as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.dockerfile import instructions, single_backend
from cleanup.names import new_value

REMOVED = ("scripts/migration", "src/lighthouse/fuse/backends/fusepy")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RUN apt-get install -y libfuse2 libfuse3-3 fuse3\n", "RUN apt-get install -y libfuse3-3 fuse3\n"),
        ("RUN apt-get install -y fuse libfuse2\n", "RUN apt-get install -y fuse3\n"),
        ("RUN apt-get install -y libfuse2=2.9.9-6 gcc\n", "RUN apt-get install -y fuse3 gcc\n"),
        ("RUN apt-get install -y libfuse2 libfuse3-3\n", "RUN apt-get install -y libfuse3-3\n"),
        (
            "RUN apt-get install -y gcc libfuse-dev && rm -rf x\n",
            "RUN apt-get install -y gcc libfuse3-dev && rm -rf x\n",
        ),
        (
            "RUN apt-get update && apt-get install -y \\\n    libfuse2 \\\n    # why\n    fuse3 \\\n && rm -rf x\n",
            "RUN apt-get update && apt-get install -y \\\n    # why\n    fuse3 \\\n && rm -rf x\n",
        ),
        (
            "RUN apt-get install -y \\\n    fuse3 \\\n    libfuse2\nUSER x\n",
            "RUN apt-get install -y \\\n    fuse3\nUSER x\n",
        ),
        (
            "RUN apt-get install -y \\\n    fuse3 \\\n    libfuse2 && \\\n    rm x\n",
            "RUN apt-get install -y \\\n    fuse3 \\\n    && \\\n    rm x\n",
        ),
        ("RUN pip install fusepy==3.0.1\nUSER x\n", "USER x\n"),
        (
            "RUN pip install --no-cache-dir fusepy pyfuse3 'trio>=0.25'\n",
            "RUN pip install --no-cache-dir pyfuse3 'trio>=0.25'\n",
        ),
        ("RUN pip install fusepy && pip install pyfuse3\n", "RUN pip install pyfuse3\n"),
        ("RUN pip install pyfuse3 \\\n && pip install fusepy\n", "RUN pip install pyfuse3\n"),
        ("RUN pip install -i https://x/simple fusepy\n", ""),
        ("RUN pip install -r requirements.txt fusepy\n", "RUN pip install -r requirements.txt\n"),
        (
            "RUN --mount=type=cache,target=/c python3 -m pip install 'fusepy==3' trio\n",
            "RUN --mount=type=cache,target=/c python3 -m pip install trio\n",
        ),
        ("RUN <<EOF\npip install fusepy\npip install trio\nEOF\n", "RUN <<EOF\npip install trio\nEOF\n"),
        ("ENV LIGHTHOUSE_FUSE_BACKEND=fusepy\n", "ENV LIGHTHOUSE_FUSE_BACKEND=pyfuse3\n"),
        ('ENV A=1 LIGHTHOUSE_FUSE_FALLBACK="pyfuse3" B=2\n', 'ENV A=1 LIGHTHOUSE_FUSE_FALLBACK="none" B=2\n'),
        ("ENV LIGHTHOUSE_FUSE_BACKEND fusepy\n", "ENV LIGHTHOUSE_FUSE_BACKEND pyfuse3\n"),
        ('ARG BACKENDS="fusepy pyfuse3"\n', 'ARG BACKENDS="pyfuse3"\n'),
        ('ARG FUSE_PACKAGES="libfuse2 libfuse3-3 fuse3"\n', 'ARG FUSE_PACKAGES="libfuse3-3 fuse3"\n'),
        (
            "RUN LIGHTHOUSE_ACTIVE_FUSE_BACKEND=fusepy python check.py\nRUN A=1 FUSE_BACKEND=pyfuse3 python check.py\n",
            "RUN A=1 FUSE_BACKEND=pyfuse3 python check.py\n",
        ),
        ('ENV LIGHTHOUSE_FUSE_BACKEND="${BACKEND:-fusepy}"\n', 'ENV LIGHTHOUSE_FUSE_BACKEND="${BACKEND:-pyfuse3}"\n'),
        ("COPY scripts/migration/ /m/\nCOPY src/ /src/\n", "COPY src/ /src/\n"),
        ("COPY --chown=1:1 ./scripts/migration/a.sh b.sh /m/\n", "COPY --chown=1:1 b.sh /m/\n"),
    ],
)
def test_single_backend(before: str, after: str) -> None:
    assert single_backend(f"FROM x\n{before}", REMOVED) == f"FROM x\n{after}"
    assert single_backend(single_backend(before, REMOVED), REMOVED) == single_backend(before, REMOVED)


@pytest.mark.parametrize(
    "text",
    [
        "# RUN pip install fusepy\nFROM x\n",
        "RUN echo fusepy libfuse2\n",
        "RUN apt-get remove --purge -y libfuse2\n",
        "LABEL about='libfuse2 and fusepy'\n",
        "COPY --from=builder scripts/migration /m\n",
        "COPY scripts/migration2 /m\n",
        'RUN ["apt-get", "install", libfuse2]\n',
        "RUN curl x | sh; mount -t fuse\n",
        "FROM fuse AS fusepy\n",
    ],
)
def test_what_it_is_not_sure_of_stays(text: str) -> None:
    assert single_backend(text, REMOVED) == text


@given(st.text(alphabet="ABRUNENVarg fuse2py3lib=\\\n\"'#&|;<\t", max_size=120))
def test_any_text_is_cut_into_parts_that_give_it_back(text: str) -> None:
    parts = [p if isinstance(p, str) else p.head + p.body for p in instructions(text)]
    assert "".join(parts) == text
    single_backend(text)


@pytest.mark.parametrize(
    ("name", "value", "after"),
    [
        ("X", "fusepy,pyfuse3", "pyfuse3"),
        ("X", "a  libfuse2  b", "a  b"),
        ("X", "libfuse2 fuse", "fuse3"),
        ("LIGHTHOUSE_FUSE_FALLBACK", "none", "none"),
        ("X", "fuse", "fuse"),
        ("LIGHTHOUSE_FUSE_FALLBACK", "${F:-pyfuse3}", "${F:-none}"),
        ("X", "${F-fusepy}", "${F-pyfuse3}"),
        ("X", "${F}", "${F}"),
    ],
)
def test_values(name: str, value: str, after: str) -> None:
    assert new_value(name, value) == after

"""The benchmark of scaling measures every point on both backends."""

from __future__ import annotations

import pytest

from tests.benchmarks.benched import bench


@pytest.mark.fuse
def test_every_point_is_measured_on_both() -> None:
    answer = bench("scaling", "--rounds", "1", "--clients", "2", "--entries", "100", "--bytes", "65536")
    for name, measured in (("clients", ["1", "2"]), ("entries", ["10", "100"]), ("bytes", ["1024", "65536"])):
        assert list(answer[name]) == measured
        for each in answer[name].values():
            assert each["fusepy"] > 0
            assert each["pyfuse3"] > 0
            assert each["time_ratio"] > 0

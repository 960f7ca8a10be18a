"""The ten operations and seven metrics of the benchmark, paired and interleaved between backends."""

"""What the benchmark of the guard stands on: injected faults, a deployment to inject them into, simulated traffic."""

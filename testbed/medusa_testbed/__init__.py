"""A control plane, nodes and shops of one's own: for the tests, the demo and the benchmarks. Never in the product."""

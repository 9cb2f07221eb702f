"""How a run goes: lock, preflight, steps, verification, report."""

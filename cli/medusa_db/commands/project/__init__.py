"""Commands that run or ask a project's own Medusa."""

"""Pure: what SQL makes of a schema, what it touches and locks, and how two schemas differ."""

"""An old shop on a private PostgreSQL, to try things on."""

"""Pure: what is known of a database, from the status and from Jobs that are over."""

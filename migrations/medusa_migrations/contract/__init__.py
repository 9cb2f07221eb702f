"""What runner and operator agree on: exit codes, reports, what stays hidden."""

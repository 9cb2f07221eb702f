"""What Medusa's versions hold: migrations, data steps, notes; and where that is read from."""

"""The seeder: fills a shop from Medusa's seed document."""

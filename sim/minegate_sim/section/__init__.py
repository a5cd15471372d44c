"""A mine section in memory: air, gas, heat, water, rock, people and power, described in TOML (README.md)."""

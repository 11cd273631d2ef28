"""The farm: sites, clocks, the plant, benches, and the words that tests are written in."""

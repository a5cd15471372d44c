"""Virtual time: event loops whose waiting costs nothing, clocks that are wrong on purpose, and who runs when."""

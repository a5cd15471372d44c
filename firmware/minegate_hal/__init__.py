"""What touches pins, controllers and clocks. Only here, in a board file and in its main is `machine` known."""

"""GitHub, Nomad and the program in one simulated time: see world.py."""

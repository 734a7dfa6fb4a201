"""Modbus RTU as far as bytes and registers go: frames, register maps, and what words mean. No port, no clock."""

"""Predictions from temperature series: heat treatment (``lethality``), growth (``growth_rate``, ``growth``,
``organisms``, ``verdict``), cooling ahead (``newton``), how hard an apparatus was on its goods (``mkt``).

Advisory: a prediction may tighten a decision about food and has no way to say that food may be released.
"""

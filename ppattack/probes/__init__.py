"""What a few hundred chosen images tell about a cipher that nobody described.

One property per file: a pure function of a :class:`~ppattack.probes.box.Box`, with its statistic,
its bar and where the bar comes from.
"""

"""The NeuraCrypt challenge: make one, solve it, score a solution.

Reference: Yala and others, "NeuraCrypt Challenge", github.com/yala/NeuraCrypt-Challenge (2021).
"""

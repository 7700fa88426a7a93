"""Assignment problems: linear, quadratic, sparse."""

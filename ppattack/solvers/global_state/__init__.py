"""The one turn, complement and colour order that a whole image may be left in."""

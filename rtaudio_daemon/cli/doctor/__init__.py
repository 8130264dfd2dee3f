"""The doctor: checks everything that newcomers get wrong, and names the remedies.

It is in the top layer, so it may import every other package; none of them imports it.
"""

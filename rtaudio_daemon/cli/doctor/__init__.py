"""The doctor: tries everything a newcomer gets wrong, and says what to do about it.

It stands on the top floor, so it may know every other room; none of them knows it.
"""

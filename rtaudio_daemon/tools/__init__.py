"""The tools room holds what the model may do at home.

It refuses to know how a call arrived and who hears the answer.
"""

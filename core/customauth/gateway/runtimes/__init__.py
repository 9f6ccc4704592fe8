"""Running an authorizer's function: Python, Node.js, an Invoke endpoint or Lambda itself, behind one small contract.

Nothing is imported here: the worker processes live in this package and must start fast.
"""

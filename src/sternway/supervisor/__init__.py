"""The small program that stands beside each process of the process engine and outlives the control plane.

It imports the standard library and nothing else of Sternway, since a newer rack has to get on with it.
"""

"""The Autobahn test suite, driven from outside by the `kosoku` package, against ``/ws/echo``.

``python -m tests.stress.autobahn`` runs all cases; the test suite runs the plain ones.
"""

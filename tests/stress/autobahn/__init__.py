"""The Autobahn test suite, driven from outside by the `kosoku` package, against ``/ws/echo``.

``python -m tests.stress.autobahn`` runs all of its cases; the plain ones run with the other tests.
"""

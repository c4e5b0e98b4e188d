"""An exhaustive walk through the upgrade client, against a server that may send anything at any time.

``frames.py`` is what a server may send, ``watch.py`` what must hold whatever happens, ``device.py`` the real
client with its state put down and taken up again, ``kept_state.py`` how, ``search.py`` and ``searching.py``
the same for the search for a server, ``explorer.py`` the walk, ``bugs.py`` what must be found.
``python -m tools.explore_client`` runs it.
"""

"""What ``run.py`` and ``noxfile.py`` share. It uses the standard library only."""

"""The ordered, numbered events of each room: the contract in ``base``, and its stores."""

"""How the values in journals are hidden from those who can read a store."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Codec(ABC):
    """Encrypts or compresses the values of users before they are stored.

    Given to ``open_engine(codec=...)``. What goes through it are inputs, outputs, answers, states,
    chunks, and what exceptions say; ids, addresses, statuses and times stay readable, so that runs
    can be listed, recovered by the right workflow, canceled and deleted without the key. Both
    methods are called in the event loop, once per value, and should be quick.

    An engine reads values that were stored without a codec. To rotate keys, encode with the newest
    and decode with any: `cryptography.fernet.MultiFernet` does that::

        class Encrypted(Codec):
            def __init__(self, *keys: bytes) -> None:
                self._fernet = MultiFernet([Fernet(key) for key in keys])

            def encode(self, data: bytes) -> bytes:
                return self._fernet.encrypt(data)

            def decode(self, data: bytes) -> bytes:
                return self._fernet.decrypt(data)
    """

    @abstractmethod
    def encode(self, data: bytes) -> bytes:
        """Return what is stored in the place of *data*, the JSON text of a value in UTF-8."""

    @abstractmethod
    def decode(self, data: bytes) -> bytes:
        """Return what *encode* was given, by this process or an earlier one.

        Raises:
          Exception: if it cannot be had, as without the right key. The run is left alone then.
        """

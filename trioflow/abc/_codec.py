"""The contract of codecs, which encrypt or compress the values in journals."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Codec(ABC):
    """Encrypts or compresses the users' values before they are stored.

    Pass it to ``open_engine(codec=...)``. It encodes inputs, outputs, answers, states, chunks and
    the messages of exceptions. Ids, addresses, statuses and times stay readable, so that runs can
    be listed, recovered by the right workflow, canceled and deleted without the key. Both methods
    are called in the event loop, once per value, and should be quick. Large values (``ctx.put``)
    are encoded and decoded in threads, possibly several at the same time, and in worker processes
    if the codec can be pickled.

    An engine also reads values that were stored without a codec. To rotate keys, encode with the
    newest key and decode with any of them, as ``cryptography.fernet.MultiFernet`` does. Give the
    new key to all processes for decoding before any of them encodes with it: an answer or event
    that the owner of a run cannot decode is logged and dropped::

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
        """Return the bytes to store instead of *data*, a value as UTF-8 encoded JSON."""

    @abstractmethod
    def decode(self, data: bytes) -> bytes:
        """Return the bytes that were passed to *encode*, in this process or an earlier one.

        Raises:
          Exception: if the data cannot be decoded, for example without the right key. The engine
            then does not touch the run.
        """

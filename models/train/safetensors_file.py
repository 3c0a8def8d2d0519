"""Writes safetensors files whose bytes depend only on their content.

The safetensors library lists the metadata in the random order of a hash table, so that two runs of one script differ.
Here the header is written again with the metadata sorted; nothing else changes.
"""

import json
import struct

from safetensors.numpy import save


def write(path, tensors, metadata):
    """Writes `tensors` (name to contiguous NumPy array) and `metadata` (str to str) to `path`."""
    data = save(tensors, metadata=metadata)
    (header_size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + header_size])
    header = {"__metadata__": dict(sorted(metadata.items())), **{k: v for k, v in header.items() if k != "__metadata__"}}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[8 + header_size:])

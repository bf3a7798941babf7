"""Prints what the integrations named on the command line need from PyPI.

Home Assistant installs an integration's requirements when it first uses it. Here they are all
installed beforehand, for it to start without the Internet.
"""

import importlib.util
import json
import pathlib
import sys

# The bases of entities, which Home Assistant loads unasked: infrared, lock, switch, ...
BASE = "entity"

home = pathlib.Path(importlib.util.find_spec("homeassistant").origin).parent
found = set()
requirements = set()
manifests = {
    file.parent.name: json.loads(file.read_text())
    for file in home.glob("components/*/manifest.json")
}
waiting = sys.argv[1:] + [
    name for name, manifest in manifests.items() if manifest.get("integration_type") == BASE
]
while waiting:
    name = waiting.pop()
    # Not every version has every integration.
    if name in found or name not in manifests:
        continue
    found.add(name)
    manifest = manifests[name]
    requirements.update(manifest.get("requirements", []))
    waiting += manifest.get("dependencies", [])
print(f"-c {home / 'package_constraints.txt'}")
print("\n".join(sorted(requirements)))

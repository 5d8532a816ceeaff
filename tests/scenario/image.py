# SPDX-License-Identifier: BSD-2-Clause
"""Images of a test's own: the default image's programs with another manifest and more files."""

import os

from tessera import bootfs, manifest, vm

HERE = os.path.dirname(os.path.abspath(__file__))


def make(name, files=None):
    """Makes the boot archive for tests/scenario/NAME.yaml; its path. FILES: {name in the archive: bytes}."""
    with open(vm.ARCHIVE, "rb") as f:
        contents = bootfs.unpack(f.read())
    contents.update(files or {})
    path = os.path.join(HERE, name + ".yaml")
    with open(path, encoding="utf-8") as f:
        nodes = manifest.compile_manifest(f.read(), path, set(contents))
    contents["etc/manifest"] = manifest.encode(nodes)
    archive = os.path.join(vm.ROOT, "build", f"scenario-{name}.img")
    with open(archive, "wb") as f:
        f.write(bootfs.pack(contents))
    return archive

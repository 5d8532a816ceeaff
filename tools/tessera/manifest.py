# SPDX-License-Identifier: BSD-2-Clause
"""Checks manifests and compiles them to the form that init interprets. Both forms are described in images/README.md.

A YAML text is read as a tree of nodes with line numbers and only then given a meaning, so every complaint names
its line. Nothing is guessed: what is not understood is refused.
"""

import re

import yaml

from tessera import argdata, rights

VERSION = 1
MOST_DEPTH = 30  # of argument data, as its readers have it
TAG_PREFIXES = ("tag:nuxi.nl,2015:cloudabi/", "!")
PCI_CLASSES = {"ethernet": (0x020000, 0xFFFF00), "block": (0x010000, 0xFFFF00)}  # not the IDE of a CD

# The kernel's directory: name, is it a directory, the words of the rights that there are to give.
# A name that ends in / stands for everything below it.
KERNEL_NAMES = {
    "boot": (True, "read list exec lookup"),
    "boot/": (None, "read list exec lookup"),
    "pci": (True, "read write list lookup"),
    "pci/": (True, "read write list lookup"),
    "jobs": (True, "read write list lookup create remove"),
    "jobs/": (False, "read write list"),
    "log": (False, "read write list"),
    "clock": (False, "read write list"),
    "power": (False, "write list"),
    "fault": (False, "read write list"),
    "serial": (True, "read write list lookup"),
    "serial/com1": (False, "read write list"),
    "serial/com2": (False, "read write list"),
}
HOST_STREAMS = ("stdin", "stdout", "stderr")
HOST_STREAM_PATH = "serial/com2"


class ManifestError(ValueError):
    """A complaint about a manifest, with file and line."""


class Compiler:
    """Compiles one YAML document. boot_names: what the boot archive holds, or None to leave names unchecked."""

    def __init__(self, filename, boot_names=None, host_streams=False):
        self.filename = filename
        self.boot_names = boot_names
        self.host_streams = host_streams
        self.exports = {}
        self.edges = {}
        self.lines = {}

    def fail(self, node, message):
        raise ManifestError(f"{self.filename}:{node.start_mark.line + 1}: {message}")

    # --- reading nodes ---

    def mapping(self, node, known=None, required=()):
        """The pairs of a map as {key: node}; refuses unknown, doubled and missing keys."""
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, "a map was expected here")
        out = {}
        for key_node, value in node.value:
            key = self.scalar(key_node)
            if not isinstance(key, str):
                self.fail(key_node, "keys are strings")
            if known is not None and key not in known:
                self.fail(key_node, f"unknown key '{key}' (known here: {', '.join(known)})")
            if key in out:
                self.fail(key_node, f"key '{key}' is given twice")
            out[key] = value
        for key in required:
            if key not in out:
                self.fail(node, f"key '{key}' is missing")
        return out

    def scalar(self, node):
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, "a plain value was expected here")
        kind = node.tag.rpartition(":")[2]
        try:
            if kind in ("str", "int", "float", "bool", "null", "binary"):
                return yaml.SafeLoader("").construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            self.fail(node, str(error))
        return self.fail(node, f"a value of type '{node.tag}' can not be used here")

    def text(self, node):
        value = self.scalar(node)
        if not isinstance(value, str):
            self.fail(node, "a string was expected here")
        return value

    def boolean(self, node):
        value = self.scalar(node)
        if not isinstance(value, bool):
            self.fail(node, "true or false was expected here")
        return value

    # --- rights ---

    def rights(self, node, directory, default):
        """The pair (base, inheriting) of a `rights` value; without one, the words of DEFAULT."""
        if node is None:
            return self.words(None, default.split(), directory)
        if isinstance(node, yaml.MappingNode):
            parts = self.mapping(node, ("base", "inheriting"), ("base",))
            base = self.words(parts["base"], self.strings(parts["base"]), directory)[0]
            if "inheriting" not in parts:
                return base, 0
            below = parts["inheriting"]
            file_bits = self.words(below, self.strings(below), False)[0]
            return base, file_bits | self.words(below, self.strings(below), True)[1]
        return self.words(node, self.strings(node), directory)

    def strings(self, node):
        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, "a list of rights was expected here")
        return [self.text(item) for item in node.value]

    def words(self, node, words, directory):
        base = inheriting = 0
        for name in words:
            try:
                pair = rights.word(name, directory)
            except KeyError:
                self.fail(node, f"unknown right '{name}'")
            base |= pair[0]
            inheriting |= pair[1]
        return base, inheriting

    def only_shrink(self, node, asked, most, owner):
        for ours, theirs in zip(asked, most):
            if ours & ~theirs:
                self.fail(node, f"{owner} has no right to: {rights.names(ours & ~theirs)}")

    # --- descriptors: each handler gives the op-specific keys of a GRANT ---

    def grant_port(self, node, owner, is_service):
        if not is_service:
            self.fail(node, "only a service has a port")
        if not isinstance(node, yaml.ScalarNode) or node.value:
            self.fail(node, "!port takes no value")
        everything = rights.everything()
        return {"op": "port", "base": everything, "inheriting": everything}

    def grant_kernel(self, node, owner, is_service):
        if isinstance(node, yaml.ScalarNode):
            path, parts = node.value, {}
        else:
            parts = self.mapping(node, ("path", "rights"), ("path",))
            path = self.text(parts["path"])
        directory, words = self.kernel_name(node, path)
        most = self.words(node, words.split(), directory)
        base, inheriting = self.rights(parts.get("rights"), directory, words)
        self.only_shrink(parts.get("rights", node), (base, inheriting), most, f"'{path}'")
        return self.open_grant("", path, directory, False, base, inheriting)

    def kernel_name(self, node, path):
        """Whether PATH of the kernel's directory is a directory, and the words of its rights."""
        head = path.partition("/")[0] + "/" if "/" in path else None
        found = KERNEL_NAMES.get(path) or KERNEL_NAMES.get(head)
        if found is None or path.endswith("/") or ".." in path.split("/"):
            self.fail(node, f"the kernel's directory has no '{path}'")
        directory, words = found
        if directory is None:
            directory = self.boot_name(node, path.partition("/")[2])
        return directory, words

    def boot_name(self, node, name):
        """Whether NAME in the boot archive is a directory; a complaint if there is no such thing."""
        if self.boot_names is None:
            return "/" not in name
        if name in self.boot_names:
            return False
        if not any(other.startswith(name + "/") for other in self.boot_names):
            self.fail(node, f"the boot archive has no '{name}'")
        return True

    def grant_pci(self, node, owner, is_service):
        parts = self.mapping(node, ("class", "rights", "optional"), ("class",))
        value = self.scalar(parts["class"])
        if isinstance(value, int):
            number, mask = value, 0xFFFFFF
        elif value in PCI_CLASSES:
            number, mask = PCI_CLASSES[value]
        else:
            self.fail(parts["class"], f"unknown class '{value}' ({', '.join(PCI_CLASSES)}, or a number)")
        base, inheriting = self.rights(parts.get("rights"), True, KERNEL_NAMES["pci/"][1])
        most = self.words(node, KERNEL_NAMES["pci/"][1].split(), True)
        self.only_shrink(node, (base, inheriting), most, "a PCI function")
        return {"op": "pci", "class": number, "mask": mask, "base": base, "inheriting": inheriting,
                "optional": "optional" in parts and self.boolean(parts["optional"])}

    def grant_dir(self, node, owner, is_service):
        return self.grant_service(node, owner, True, "list read")

    def grant_file(self, node, owner, is_service):
        return self.grant_service(node, owner, False, "read")

    def grant_service(self, node, owner, directory, default):
        parts = self.mapping(node, ("service", "path", "rights", "create", "optional"), ("service",))
        service = self.text(parts["service"])
        if service not in self.exports:
            self.fail(parts["service"], f"there is no service '{service}'")
        path = self.text(parts["path"]) if "path" in parts else "."
        if path.startswith("/") or ".." in path.split("/") or "\0" in path or not path:
            self.fail(parts["path"], f"not a path below a service's directory: '{path}'")
        if path == "." and not directory:
            self.fail(node, "!file needs a path")
        asked = self.rights(parts.get("rights"), directory, default)
        most = self.exports[service]
        self.only_shrink(parts.get("rights", node), asked, (most[1], most[1]), f"service '{service}'")
        self.edges.setdefault(owner, set()).add(service)
        create = "create" in parts and self.boolean(parts["create"])
        optional = "optional" in parts and self.boolean(parts["optional"])
        return self.open_grant(service, path, directory, create, *asked, optional)

    def grant_fd(self, node, owner, is_service):
        if not self.host_streams:
            self.fail(node, "!fd is for tools/vm exec only")
        if not isinstance(node, yaml.ScalarNode) or node.value not in HOST_STREAMS:
            self.fail(node, f"!fd takes one of: {', '.join(HOST_STREAMS)}")
        words = "read" if node.value == "stdin" else "write"
        base, inheriting = self.words(node, words.split() + ["poll", "list"], False)
        return self.open_grant("", HOST_STREAM_PATH, False, False, base, inheriting)

    @staticmethod
    def open_grant(service, path, directory, create, base, inheriting, optional=False):
        return {"op": "open", "from": service, "path": path, "directory": directory, "create": create,
                "base": base, "inheriting": inheriting, "optional": optional}

    # --- argument data ---

    def value(self, node, owner, is_service, where, grants):
        """The argument data of a node; descriptors in it are appended to GRANTS and become their number there."""
        if where.count("/") > MOST_DEPTH:
            self.fail(node, "maps and lists are nested too deeply here")
        tag = self.own_tag(node)
        if tag is not None:
            handler = getattr(self, "grant_" + tag, None)
            if handler is None or tag == "service":
                self.fail(node, f"unknown tag '!{tag}'")
            grant = {"name": where or ".", "optional": False}
            grant.update(handler(node, owner, is_service))
            grants.append(grant)
            return argdata.Fd(len(grants) - 1)
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(item, owner, is_service, f"{where}/{key}" if where else key, grants)
                    for key, item in self.mapping(node).items()}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, owner, is_service, f"{where}/{i}" if where else str(i), grants)
                    for i, item in enumerate(node.value)]
        value = self.scalar(node)
        if isinstance(value, int) and not -1 << 63 <= value < 1 << 63:
            self.fail(node, "the number does not fit into 64 bits")
        return value

    @staticmethod
    def own_tag(node):
        """The name of one of our tags, None for what is plain YAML."""
        if node.tag.startswith("tag:yaml.org,2002:"):
            return None
        for prefix in TAG_PREFIXES:
            if node.tag.startswith(prefix):
                return node.tag[len(prefix):]
        return node.tag

    # --- whole documents ---

    def entity(self, name, node, is_service):
        """The NODE of one service or program."""
        keys = ("program", "restart", "memory", "args") + ("exit",) + (("exports", "size") if is_service else ())
        parts = self.mapping(node, keys, ("program",))
        program = self.text(parts["program"])
        if self.boot_names is not None and program not in self.boot_names:
            self.fail(parts["program"], f"the boot archive has no '{program}'")
        restart = self.text(parts["restart"]) if "restart" in parts else "never"
        if restart not in ("always", "never"):
            self.fail(parts["restart"], "restart is always or never")
        if "exit" in parts and self.text(parts["exit"]) != "power-off":
            self.fail(parts["exit"], "exit can only be power-off")
        grants = []
        args = self.value(parts["args"], name, is_service, "", grants) if "args" in parts else {}
        if is_service and sum(grant["op"] == "port" for grant in grants) != 1:
            self.fail(node, f"service '{name}' must be given its !port, once")
        memory = self.percentage(parts["memory"]) if "memory" in parts else 0
        size = self.bytes(parts["size"]) if "size" in parts else 0
        return make_node(name, program, is_service, restart == "always", "exit" in parts, grants, args, memory, size)

    def bytes(self, node):
        """The number of a text like `64 MiB`."""
        text = self.text(node)
        found = re.fullmatch(r"([1-9][0-9]{0,6}) (KiB|MiB|GiB)", text)
        if not found:
            self.fail(node, "a size is a number and its unit: `512 KiB`, `64 MiB`, `2 GiB`")
        return int(found.group(1)) << {"KiB": 10, "MiB": 20, "GiB": 30}[found.group(2)]

    def percentage(self, node):
        """The number of a text like `40%`."""
        text = self.text(node)
        if not text.endswith("%") or not text[:-1].isdecimal() or not 1 <= int(text[:-1]) <= 100:
            self.fail(node, "memory is a part of the machine's memory, from 1% to 100%")
        return int(text[:-1])

    def document(self, root):
        """All nodes of a manifest, in starting order."""
        top = self.mapping(root, ("services", "programs"))
        services = self.mapping(top["services"]) if "services" in top else {}
        programs = self.mapping(top["programs"]) if "programs" in top else {}
        for name, node in services.items():
            self.lines[name] = node
            exports = self.mapping(node).get("exports")
            self.exports[name] = self.rights(exports, True, "all")
        for name, node in programs.items():
            if name in services:
                self.fail(node, f"'{name}' is the name of a service too")
        nodes = [self.entity(name, node, True) for name, node in services.items()]
        depth = {name: self.depth(name, ()) for name in services}
        nodes += [self.entity(name, node, False) for name, node in programs.items()]
        for name in programs:
            depth[name] = 1 + max((depth[s] for s in self.edges.get(name, ())), default=-1)
        return sorted(nodes, key=lambda n: (depth[n["name"]], not n["service"]))

    def depth(self, name, above):
        """How long the chain of services is that NAME needs; complains about a cycle."""
        if name in above:
            cycle = " -> ".join(above[above.index(name):] + (name,))
            self.fail(self.lines[name], f"services depend on each other in a circle: {cycle}")
        return 1 + max((self.depth(s, above + (name,)) for s in sorted(self.edges.get(name, ()))), default=-1)


def make_node(name, program, service, restart, power_off, grants, args, memory=0, size=0):
    return {"name": name, "program": program, "service": service, "restart": restart,
            "power_off": power_off, "memory": memory, "size": size, "grants": grants, "argdata": argdata.encode(args)}


def parse(text, filename):
    """The node tree of a YAML text."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ManifestError(f"{filename}:{line}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ManifestError(f"{filename}: {error}") from error
    if root is None:
        raise ManifestError(f"{filename}:1: the file is empty")
    return root


def encode(nodes):
    return argdata.encode({"version": VERSION, "nodes": nodes})


def compile_manifest(text, filename, boot_names=None):
    """The nodes of a manifest. ManifestError if it is not in order."""
    return Compiler(filename, boot_names).document(parse(text, filename))


def compile_exec(base, base_name, program, argv, grants_text=None, grants_name=None):
    """The nodes of a machine that runs PROGRAM (a name in the boot archive) once and powers off with its status.

    BASE is a manifest of services; those that the grants do not need are left out. ARGV becomes the sequence `args`
    unless the grants have an `args` of their own.
    """
    compiler = Compiler(base_name, None, host_streams=True)
    services = compiler.document(parse(base, base_name))
    compiler.filename = grants_name or "default grants"
    grants = []
    text = DEFAULT_GRANTS if grants_text is None else grants_text
    args = compiler.value(parse(text, compiler.filename), "program", False, "", grants)
    if isinstance(args, dict):
        args.setdefault("args", list(argv))
    needed = needed_services(compiler.edges, "program")
    nodes = [node for node in services if node["name"] in needed]
    return nodes + [make_node("program", program, False, False, True, grants, args)]


def needed_services(edges, name):
    found = set()
    todo = [name]
    while todo:
        for service in edges.get(todo.pop(), ()):
            if service not in found:
                found.add(service)
                todo.append(service)
    return found


DEFAULT_GRANTS = """\
tmpdir: !dir {service: tmpfs, path: tmp, create: true, rights: [all]}
logfile: !fd stdout
stdin: !fd stdin
stdout: !fd stdout
stderr: !fd stderr
"""

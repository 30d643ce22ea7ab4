# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prove that a GPU trains: one file, nothing but the framework, Python 3.6 to 3.14.

`python trainer.py OPTIONS`, with OPTIONS a JSON object, or `@FILE` that holds one, or on standard input, prints one
line that begins with MARK and holds the section `training` of a record (docs/records.md), whatever happens: the training
runs in a child process, and this one says how the child ended.

The same small network with BatchNorm learns the same synthetic images from the same weights on the CPU and on the GPU; a
larger one of the same kind measures the speed of both. Nothing here knows what counts as passed: the verdict is the
controller's.
"""

import collections
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

MARK = "GPUREADY-TRAINING "
PHASE = "GPUREADY-PHASE "        # on the child's standard error: what the noise after it belongs to
BACKENDS = ("tensorflow1-directml", "tensorflow2-directml", "torch-directml", "torch-cpu")
OWN = "torch-[a-z]+$"            # and PyTorch's own kinds of accelerator, each a module of torch: torch-cuda (ROCm too), torch-xpu
OPTIONS = {
    "backend": "torch-cpu",
    "adapter": None,             # the name of the GPU that shall train; null: the framework's first
    "variable": None,            # the environment variable that tells the framework which GPUs to see; null: it obeys none
    "visible": None,             # its value; null: as it is
    "time_limit": 600,           # seconds for everything
    "seed": 20261123, "steps": 40, "batch": 64, "samples": 256,      # samples: a multiple of batch
    "speed_seconds": 2.0,        # about how long each device's speed is measured; 0 leaves it out
}
CLASSES, RATE, MOMENTUM, EPSILON = 4, 0.05, 0.1, 1e-5
SMALL, LARGE = (8, 8, 8), (32, 32, 64)                     # size of the images, channels of the two convolutions
SPEED_BATCHES = (8, 32, 128)
TAIL, WIDTH = 30, 300            # lines of noise that are kept, characters of each
WORDS = 5                        # lines that say why a program ends, warnings: kept whatever comes after
# Errors of DirectX of which torch-directml hands on Windows' sentence alone, in the language of Windows.
SENTENCES = (0x887A0005, 0x887A0006, 0x887A0007, 0x887A0020, 0x887A0001, 0x887A0002, 0x887A0004,
             0x80070057, 0x80004005, 0x80004001, 0x8007000E, 0x8000FFFF)


class Stop(Exception):  # noqa: N818
    """The training cannot go on, for a known reason: code, message."""


def plain(value):
    """What JSON can hold: numbers that are not finite as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def same(one, other):
    """Whether two sources spell the same GPU's name."""
    def words(name):
        every = re.sub(r"\((R|TM|C)\)|[\u00ae\u2122\0]", " ", name, flags=re.I).lower().split()
        return [word for word in every if word not in ("nvidia", "amd", "intel", "graphics", "adapter")] or every

    return words(one) == words(other)


def version_of(package):
    try:
        from importlib.metadata import version

        return "%s %s" % (package, version(package))
    except Exception:                                      # Python 3.7, or no metadata: no word of the version
        return package


# ---- the task ----
def images(seed, samples, size):
    """Noise with a brighter quarter; the label says which. As nested lists [sample][row][column]."""
    source, half = random.Random(seed), size // 2
    labels = [index % CLASSES for index in range(samples)]
    source.shuffle(labels)
    return [[[source.gauss(0, 0.3) + (row // half * 2 + column // half == label) for column in range(size)]
             for row in range(size)] for label in labels], labels


def weights(seed, size, channels, wide):
    """The same first weights for every device: two convolutions of 3 x 3 and the dense layer."""
    source = random.Random(seed + 1)
    counts = (9 * channels, 0.3), (9 * channels * wide, (2.0 / 9 / channels) ** 0.5), ((size // 2) ** 2 * wide * CLASSES, 0.05)
    return [[source.gauss(0, spread) for _ in range(count)] for count, spread in counts]


def labelled(pictures, labels):
    """Whether each label names the brightest quarter of its image, both as the device holds them."""
    half = len(pictures[0]) // 2

    def brightness(picture, label):
        return sum(sum(row[label % 2 * half:][:half]) for row in picture[label // 2 * half:][:half])

    return all(max(range(CLASSES), key=lambda label: brightness(picture, label)) == told for picture, told in zip(pictures, labels))


# ---- the frameworks: begin a network on a device, step, end ----
class Torch(object):
    """PyTorch on a processor, on DirectML, or on an accelerator of its own."""

    value = float

    def __init__(self, backend, adapter):
        import torch

        self.torch, self.kind, self.own, names, index = torch, backend.split("-")[1], None, [], 0
        self.framework = {"name": "torch", "version": torch.__version__, "plugin": None}
        self.device = torch.device("cpu")
        if self.kind == "directml":
            import torch_directml

            self.framework["plugin"] = version_of("torch-directml")
            count = torch_directml.device_count()          # first: device() with none crashes at the first tensor
            if not count:
                raise Stop("DIRECTML_NO_ADAPTER", "torch_directml.device_count() is 0")
            names = [torch_directml.device_name(number).replace("\0", "").strip() for number in range(count)]
        elif self.kind != "cpu":
            self.own = getattr(torch, self.kind, None)
            if not hasattr(self.own, "get_device_name"):
                raise Stop("BAD_INPUT", "this PyTorch has no accelerator torch.%s" % self.kind)
            if not self.own.is_available():
                torch.zeros(1).to(self.kind)               # says why in its own words
                raise Stop("CUDA_NO_DEVICE" if self.kind == "cuda" else "TRAINING_FAILED", "torch.%s.is_available() is false" % self.kind)
            if self.kind == "cuda":
                torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
                torch.backends.cudnn.deterministic = True
            names = [self.own.get_device_name(number) for number in range(self.own.device_count())]
        if names:                                          # the framework's order is not the PC's: go by name
            index = next((i for i, name in enumerate(names) if adapter and same(adapter, name)), 0)
            self.device = torch.device("%s:%d" % (self.kind, index)) if self.own else torch_directml.device(index)
        self.description = {
            "requested": self.kind, "name": str(self.device), "kind": "DML" if self.kind == "directml" else self.kind.upper(),
            "adapter_name": names[index] if names else None, "adapters": names, "adapters_found": len(names) or None,
            "uuid": self.uuid(index)}

    def uuid(self, index):
        """NVIDIA's name of the GPU, where this PyTorch tells it: two of one name are told apart by it."""
        try:
            return str(self.own.get_device_properties(index).uuid)
        except Exception:                                  # no accelerator of PyTorch's own, or one without
            return None

    def begin(self, on_cpu, task, start, shape):
        torch, nn, (size, channels, wide) = self.torch, self.torch.nn, shape
        net = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels, EPSILON, MOMENTUM), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(channels, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide, EPSILON, MOMENTUM), nn.ReLU(),
            nn.Flatten(), nn.Linear((size // 2) ** 2 * wide, CLASSES, bias=False))
        with torch.no_grad():
            for number, values in zip((0, 4, 8), start):
                net[number].weight.copy_(torch.tensor(values).reshape(net[number].weight.shape))
        device = torch.device("cpu") if on_cpu else self.device
        self.net = net.to(device)
        self.x, self.y = torch.tensor(task[0]).unsqueeze(1).to(device), torch.tensor(task[1]).to(device)

    def step(self, part, where=None):
        """One step of plain gradient descent; `where` gathers the devices of everything that took part."""
        torch, passed, labels = self.torch, [self.x[part]], self.y[part]
        for layer in self.net:
            passed.append(layer(passed[-1]))
        loss = torch.nn.functional.cross_entropy(passed[-1], labels)
        self.net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter -= RATE * parameter.grad
        if where is not None:
            tensors = passed + [labels, loss] + [t for p in self.net.parameters() for t in (p, p.grad)]
            where.update(str(t.device) for t in tensors + [self.net[1].running_mean, self.net[1].running_var])
        return loss.detach()

    def end(self):
        self.net.eval()
        with self.torch.no_grad():
            guesses = self.net(self.x).to("cpu").argmax(1).tolist()
        mean, variance = ([value for n in (1, 5) for value in getattr(self.net[n], name).tolist()]
                          for name in ("running_mean", "running_var"))
        return guesses, self.y.to("cpu").tolist(), self.x.to("cpu").squeeze(1).tolist(), mean, variance

    def peak(self):
        return int(self.own.max_memory_allocated(self.device)) if hasattr(self.own, "max_memory_allocated") else None


class TensorFlow(object):
    """TensorFlow 1.15 and 2 with DirectML, eagerly. It names the GPU, and where each operation ran, in its log alone."""

    def __init__(self, backend, adapter):
        import numpy
        import tensorflow as tf

        self.np, self.tf = numpy, tf
        self.framework = {"name": "tensorflow", "version": tf.__version__, "plugin": None}
        if backend.startswith("tensorflow2"):
            self.framework["plugin"] = version_of("tensorflow-directml-plugin")
            tf.config.set_soft_device_placement(False)
            tf.debugging.set_log_device_placement(True)
            gpus, self.device = tf.config.list_physical_devices("GPU"), "/device:GPU:0"
            label = tf.config.experimental.get_device_details(gpus[0]).get("device_name") if gpus else "DML"
            if label != "DML":
                raise Stop("CPU_FALLBACK", "TensorFlow's GPU is %r, not DirectML's" % label)
        else:
            placement = tf.compat.v1.ConfigProto(allow_soft_placement=False, log_device_placement=True)
            tf.compat.v1.enable_eager_execution(config=placement)
            gpus, self.device = tf.config.experimental.list_physical_devices("DML"), "/device:DML:0"
        if not gpus:
            raise Stop("DIRECTML_NO_ADAPTER", "TensorFlow lists no DirectML device")
        self.description = {"requested": "directml", "name": self.device, "kind": "DML", "adapter_name": None, "adapters_found": None}

    def begin(self, on_cpu, task, start, shape):
        tf, np, channels, wide = self.tf, self.np, shape[1], shape[2]
        self.place = "/device:CPU:0" if on_cpu else self.device
        shapes = (3, 3, 1, channels), (3, 3, channels, wide), (-1, CLASSES)
        with self.scope():
            self.x, self.y = tf.constant(np.array(task[0], "float32")[..., None]), tf.constant(np.array(task[1], "int64"))
            starts = [np.array(values, "float32").reshape(form) for values, form in zip(start, shapes)]
            starts += [make(width, "float32") for width in (channels, wide) for make in (np.ones, np.zeros)]
            self.variables = [tf.Variable(tf.constant(value)) for value in starts]
        self.mean, self.variance = np.zeros(channels + wide), np.ones(channels + wide)

    def scope(self):
        return self.tf.device(self.place)

    def forward(self, x):
        """The logits, and the activations and statistics on the way to them."""
        tf, (first, second, dense, scale1, offset1, scale2, offset2), passed = self.tf, self.variables, []
        for kernel, scale, offset in ((first, scale1, offset1), (second, scale2, offset2)):
            x = tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding="SAME")
            x, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, scale, offset, epsilon=EPSILON, is_training=True)[:3]
            passed += [x, mean, variance]
            x = tf.nn.relu(x) if passed[3:] else tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")
        return tf.matmul(tf.reshape(x, (-1, dense.shape[0])), dense), passed

    def step(self, part, where=None):
        """One step of plain gradient descent; `where` gathers the devices of everything that took part."""
        tf, np = self.tf, self.np
        with self.scope():
            x, y = self.x[part], self.y[part]
            with tf.GradientTape() as tape:
                logits, passed = self.forward(x)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
            gradients = tape.gradient(loss, self.variables)
            for variable, gradient in zip(self.variables, gradients):
                variable.assign_sub(RATE * gradient)
            if where is not None:
                self.mean += MOMENTUM * (np.concatenate([passed[1].numpy(), passed[4].numpy()]) - self.mean)
                self.variance += MOMENTUM * (np.concatenate([passed[2].numpy(), passed[5].numpy()]) - self.variance)
                tensors = passed + list(gradients) + [variable.read_value() for variable in self.variables]
                where.update(tensor.device for tensor in tensors + [x, y, logits, loss])
        return loss

    def value(self, loss):
        return float(loss.numpy())

    def end(self):
        with self.scope():
            guesses = self.forward(self.x)[0].numpy().argmax(1).tolist()
            labels, pictures = self.y.numpy().tolist(), self.x.numpy()[..., 0].tolist()
        self.x = self.y = self.variables = None            # released here, not in the next one's phase
        return guesses, labels, pictures, self.mean.tolist(), self.variance.tolist()

    def peak(self):
        return None

    def keras(self):
        """What a student's first script does: keras, imported, fitted and asked; its version."""
        tf, np = self.tf, self.np
        tf.config.set_soft_device_placement(True)          # as it is for a script that does not speak of devices
        if self.framework["plugin"]:                       # TensorFlow 2 has keras as a package of its own
            import keras
        else:
            keras = tf.keras
        layers = keras.layers.Dense(8, activation="relu", input_shape=(4,)), keras.layers.Dense(2, activation="softmax")
        model, x = keras.Sequential(list(layers)), np.arange(32, dtype="float32").reshape(8, 4) / 32
        model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
        model.fit(x, np.arange(8, dtype="int64") % 2, epochs=1, batch_size=4, verbose=0)
        told = np.asarray(model.predict(x, verbose=0))
        if told.shape != (8, 2) or not np.allclose(told.sum(axis=1), 1, atol=1e-3):
            raise ValueError("keras predicts no probabilities: %s" % told.tolist())
        return keras.__version__


# ---- the child: trains ----
def first_script(framework):
    """Whether a student's first script would run here; why it would not is evidence, and no end of the training."""
    try:
        return {"finished": True, "version": framework.keras(), "error": None}
    except Exception as error:
        told = {"type": type(error).__name__, "message": words_of(error), "where": where_of(error)}
        return {"finished": False, "version": None, "error": told}


def train(framework, on_cpu, options):
    started, losses, where = time.time(), [], set()
    task, start = images(options["seed"], options["samples"], SMALL[0]), weights(options["seed"], *SMALL)
    framework.begin(on_cpu, task, start, SMALL)
    for step in range(options["steps"]):
        first = step * options["batch"] % options["samples"]
        losses.append(framework.value(framework.step(slice(first, first + options["batch"]), where)))
    guesses, labels, pictures, mean, variance = framework.end()
    shown = {"losses": losses, "accuracy": sum(a == b for a, b in zip(guesses, labels)) / float(len(labels)),
             "seconds": round(time.time() - started, 3), "samples_per_second": None, "speed_batch": None}
    return shown, {"losses": losses, "mean": mean, "variance": variance, "where": where, "labels": labelled(pictures, labels)}


def speed(framework, on_cpu, options):
    """The best rate in samples a second, and its batch. The first steps of a batch size (compilation, allocation) do not
    count; a device that is slow is spared the larger batches."""
    best, end = (0.0, 0), time.time() + options["speed_seconds"]
    task, start = images(options["seed"], max(SPEED_BATCHES), LARGE[0]), weights(options["seed"], *LARGE)
    for number, batch in enumerate(SPEED_BATCHES):
        framework.begin(on_cpu, [part[:batch] for part in task], start, LARGE)
        framework.value(framework.step(slice(0, batch)))
        started, count = time.time(), 0
        until = started + (end - started) / (len(SPEED_BATCHES) - number)
        while not count or (time.time() < until and count < 1000):
            loss = framework.step(slice(0, batch))
            count += 1
            if count % 4 == 0:
                framework.value(loss)                      # what is queued is not done
        framework.value(loss)
        best = max(best, (round(count * batch / max(time.time() - started, 1e-6), 1), batch))
        if end - time.time() < 0.1:
            break
    return best


def furthest(ours, reference):
    differences = [abs(a - b) for a, b in zip(ours, reference)]
    return float("nan") if any(d != d for d in differences) else max(differences)


def on_device(device, place):
    """Whether a place, in the framework's words, is this device: /job:localhost/replica:0/task:0/device:GPU:0 is /device:GPU:0."""
    return str(place).upper().endswith(str(device).upper())


def fallbacks_in(text):
    """Operators that ran elsewhere, in PyTorch's words: a UserWarning, or a line on standard error."""
    if "fall back to run on the CPU" not in text:
        return []
    return re.findall(r"operator '([^']+)'", text) or ["an operator without a name"]


def warned(caught):
    """The first warnings of a framework, each once: of a GPU that its build does not know it says so in no other way."""
    texts = [" ".join(str(warning.message).split())[:WIDTH] for warning in caught]
    return sorted(set(texts), key=texts.index)[:WORDS]


def words_of(error):
    """What an exception says; with its number where it is Windows' sentence for one, which is read in any language."""
    text = str(error)[:2000]
    try:
        from ctypes import FormatError  # Windows' own
    except ImportError:
        return text
    for number in SENTENCES:
        sentence = FormatError(number - 2**32).strip(" .\r\n")
        if sentence and sentence in text:
            return "%s (HRESULT 0x%08X)" % (text, number)
    return text


def where_of(error):
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return "%s:%s" % (frames[-1][2], frames[-1][1]) if frames else None


def child(options, phase):
    """Train; what is known is said at every phase, so that a crash later loses nothing."""
    import warnings

    known = {"task": dict({key: options[key] for key in ("seed", "samples", "steps", "batch")}, classes=CLASSES, labels=None)}
    devices, runs, fallbacks = (("reference", True), ("result", False)), {}, set()
    caught, say = [], phase

    def phase(name, known):
        known["warnings"] = warned(caught)
        say(name, known)

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            phase("import", known)
            framework = (Torch if options["backend"].startswith("torch") else TensorFlow)(options["backend"], options["adapter"])
            known.update(framework=framework.framework, device=framework.description)
            for name, on_cpu in devices:
                phase(name, known)
                known[name], runs[name] = train(framework, on_cpu, options)
            ours, reference = runs["result"], runs["reference"]
            known["result"]["peak_memory_bytes"] = framework.peak()
            known["task"]["labels"] = reference["labels"]  # a GPU that holds others disagrees with the reference
            known["agreement"] = {"loss_max_difference": furthest(ours["losses"], reference["losses"]),
                                  "batchnorm_mean_difference": furthest(ours["mean"], reference["mean"]),
                                  "batchnorm_variance_difference": furthest(ours["variance"], reference["variance"])}
            for warning in caught:
                fallbacks.update(fallbacks_in(str(warning.message)))
            known["device"].update(placed=bool(ours["where"]) and all(on_device(framework.device, place) for place in ours["where"]),
                                   places=sorted(ours["where"]), fallbacks=sorted(fallbacks))
            for name, on_cpu in devices if options["speed_seconds"] else ():
                phase("speed of the " + name, known)
                known[name]["samples_per_second"], known[name]["speed_batch"] = speed(framework, on_cpu, options)
            if hasattr(framework, "keras"):
                phase("keras", known)
                known["keras"] = first_script(framework)
            known["finished"] = True
    except Stop as stop:
        known["error"] = {"type": "Stop", "code": stop.args[0], "message": stop.args[1], "where": options["backend"]}
    except BaseException as error:                         # whatever the framework throws is evidence
        known["error"] = {"type": type(error).__name__, "message": words_of(error), "where": where_of(error)}
    phase("end", known)


def child_main(options):
    import faulthandler

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)                                          # what the framework prints is noise
    sys.stdout = sys.stderr
    if options["seconds_left"] > 4:                        # a hang: its stack is the last noise before the end
        faulthandler.dump_traceback_later(options["seconds_left"] - 2)

    def phase(name, known):
        os.write(2, ("\n%s%s\n" % (PHASE, name)).encode("ascii"))
        out.write(("\n" + MARK + json.dumps(plain(known)) + "\n").encode("utf-8"))
        out.flush()

    child(options, phase)
    os._exit(0)                                            # some frameworks crash while they are taken down


# ---- the parent: watches ----
class Noise(object):
    """What the child writes on standard error: the framework's own words about devices, and the last lines."""

    def __init__(self):
        self.tail, self.phase, self.adapters, self.found = collections.deque(maxlen=TAIL), None, {}, None
        self.ops, self.fallbacks, self.missing, self.words = {}, set(), None, []

    def take(self, line):
        if line.startswith(PHASE):
            self.phase = line[len(PHASE):]
            return
        op = re.search(r"Executing op (\S+) in device (\S+)", line)
        if op:
            if self.phase == "result":
                self.ops.setdefault(op.group(2), set()).add(op.group(1))
            return
        if re.search(r"\(\w+\): /job:|<frozen importlib", line) or not line.strip():     # the placer on each argument; frames
            return
        used = re.search(r"DirectML: creating device on adapter (\d+) \((.*)\)", line)
        if used:
            self.adapters[int(used.group(1))] = used.group(2).strip()
        counted = re.search(r"found (\d+) compatible adapter", line)
        if counted:
            self.found = max(self.found or 0, int(counted.group(1)))
        if re.search(r"Could not load dynamic library.*(directml|d3d12|dxcore)", line, re.I):
            self.missing = self.missing or line[line.index("Could not"):][:WIDTH]
        self.fallbacks.update(fallbacks_in(line))
        if re.match(r"frame #\d+: ", line):                # C++ frames of an abort
            return
        if len(self.words) < WORDS and re.search(r"\bwhat\(\):|^terminate called|^Fatal |[Cc](HECK|heck) failed|HRESULT failed", line):
            self.words.append(line[:WIDTH])
        self.tail.append(line[:WIDTH])

    def last(self):
        """The last lines, and before them the words of the end that they pushed out."""
        gone = [line for line in self.words if line not in self.tail]
        return gone + list(self.tail)[len(gone):]


def follow(stream, take):
    """Give a stream's lines to `take`; a line without an end is cut, so that nothing grows."""
    for line in iter(lambda: stream.readline(1 << 20), b""):
        take(line.decode("utf-8", "replace").replace("\0", "").rstrip("\r\n"))


def end_tree(process):
    """End the child, on Windows with all that it started; on Linux they are of the caller's process group."""
    if os.name == "nt":
        try:
            subprocess.Popen(["taskkill", "/T", "/F", "/PID", str(process.pid)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(5)
        except (OSError, subprocess.TimeoutExpired):
            pass
    process.kill()


def run_child(options, visible, deadline):
    """One child process: what it said, how it ended, and its noise."""
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="0", PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1")
    if visible is not None:
        environment[options["variable"]] = str(visible)
    started, left = time.time(), max(deadline - time.time(), 0.5)
    command = [sys.executable, "-u", "-X", "faulthandler", os.path.abspath(__file__), "--child",
               json.dumps(dict(options, seconds_left=left))]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    noise, said, timed_out, rc = Noise(), {"found": {}, "cut": False}, False, None

    def listen(line):
        if MARK in line:
            try:
                said["found"], said["cut"] = dict(json.loads(line[line.index(MARK) + len(MARK):])), False
            except (ValueError, TypeError):
                said["cut"] = True

    readers = [threading.Thread(target=follow, args=pair) for pair in ((process.stdout, listen), (process.stderr, noise.take))]
    for reader in readers:
        reader.daemon = True
        reader.start()
    try:
        rc = process.wait(left)
    except Stop:                                           # ended from outside: no child trains on
        end_tree(process)
        raise
    except subprocess.TimeoutExpired:
        timed_out = True
        end_tree(process)
        try:
            rc = process.wait(10)
        except subprocess.TimeoutExpired:                  # it hangs in the driver: no signal reaches it
            pass
    for reader in readers:
        reader.join(5)                                     # a process that it left behind may hold the pipes
    found = dict.fromkeys(("task", "framework", "device", "reference", "result", "agreement", "keras", "error", "warnings"), None)
    found.update(said["found"])
    found["finished"] = found.get("finished") is True and not timed_out and not said["cut"]
    if said["cut"]:
        found["error"] = {"type": "Truncated", "code": "OUTPUT_TRUNCATED", "where": noise.phase,
                          "message": "the training ended in the middle of its answer"}
    found["process"] = {"rc": "0x%08X" % rc if rc is not None and rc > 0xFFFF else rc, "timed_out": timed_out,
                        "phase": noise.phase, "seconds": round(time.time() - started, 1), "stderr_tail": noise.last()}
    return complete(found, noise)


def complete(found, noise):
    """Add what the framework said in its log alone."""
    error, device = found["error"] or {}, found["device"] or {}
    if error.get("code") == "DIRECTML_NO_ADAPTER" and noise.missing:     # no adapter, since the library is not there
        found["error"] = {"type": "OSError", "message": noise.missing, "where": error["where"]}
    if device.get("fallbacks") is not None:
        elsewhere = [op for place, ops in noise.ops.items() if not on_device(device["name"], place) for op in ops]
        device["fallbacks"] = sorted(set(device["fallbacks"]) | noise.fallbacks | set(elsewhere))
        if noise.ops:
            device["operators"] = sum(len(ops) for ops in noise.ops.values())
    if noise.found is not None:
        found["device"] = dict(device, adapter_name=noise.adapters.get(0), adapters_found=noise.found,
                               adapters=[noise.adapters.get(i) for i in range(noise.found or 0)])
    return found


def others(options, found):
    """The indexes under which the planned GPU may be found, when another one trained: PyTorch found it by its name."""
    device = found["device"] or {}
    name, names, planned = device.get("adapter_name"), device.get("adapters") or [], options["adapter"]
    told = options["visible"] is not None or not options["variable"] or options["backend"].startswith("torch")
    if told or not planned or not name or same(planned, name):
        return []
    known = [index for index, other in enumerate(names) if other and same(planned, other)]
    return known or [index for index, other in enumerate(names) if not other]


def numbered(variable, index):
    """The number by which the variable calls the GPU at this place of the framework's list: one that is set already (by the
    lab, or on the PC) has chosen and ordered that list, and its numbers are those of all GPUs."""
    given = os.environ.get(variable, "").split(",")
    return int(given[index]) if index < len(given) and given[index].strip().isdigit() else index


def prove(options):
    """Train, and while another GPU than the planned one trained, with the next one."""
    deadline = time.time() + options["time_limit"]
    visible, found = options["visible"], run_child(options, options["visible"], deadline)
    names = (found["device"] or {}).get("adapters")
    for index in others(options, found):
        if deadline - time.time() < 1:
            break
        number = numbered(options["variable"], index)
        again = run_child(options, number, deadline)
        names[index] = (again["device"] or {}).get("adapter_name")
        if names[index] and same(options["adapter"], names[index]):
            found, visible = again, number
            found["device"].update(adapters_found=len(names), adapters=names)         # this one saw itself alone
            break
    if found["device"]:      # what the GPU was found with; who is to find it again needs the same
        found["device"]["visible"] = os.environ.get(options["variable"] or "") if visible is None else visible
    return found


def options_from(text):
    """The options, checked: what is wrong with them is said before anything is started."""
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise Stop("BAD_INPUT", "the options are no JSON: %s" % error)
    if not isinstance(given, dict) or set(given) - set(OPTIONS):
        raise Stop("BAD_INPUT", "the options must be an object with keys of: %s" % ", ".join(sorted(OPTIONS)))
    options = dict(OPTIONS, **given)
    if options["backend"] not in BACKENDS and not re.match(OWN, str(options["backend"])):
        raise Stop("BAD_INPUT", "backend must be one of %s, or torch- and a module of torch, as torch-cuda" % ", ".join(BACKENDS))
    for key, least in (("time_limit", 1), ("seed", 0), ("steps", 2), ("batch", 1), ("samples", 1), ("speed_seconds", 0)):
        kinds = (int, float) if key in ("time_limit", "speed_seconds") else (int,)
        if type(options[key]) not in kinds or not least <= options[key] < 1e9:
            raise Stop("BAD_INPUT", "%s must be a number from %s" % (key, least))
    if not isinstance(options["adapter"], (str, type(None))) or not isinstance(options["visible"], (str, int, type(None))):
        raise Stop("BAD_INPUT", "adapter must be a name, visible a list of indexes in a text")
    if not re.match("[A-Z][A-Z0-9_]*$", str(options["variable"] or "X")) or (options["visible"] is not None and not options["variable"]):
        raise Stop("BAD_INPUT", "variable must be the name of the environment variable that takes visible")
    if options["samples"] % options["batch"]:
        raise Stop("BAD_INPUT", "samples must be a multiple of batch")
    return options


def ended(number, frame):
    """Somebody ends the trainer: its line is printed all the same."""
    signal.signal(number, signal.SIG_IGN)
    raise Stop("KILLED", "the trainer was ended from outside (signal %d)" % number)


def main(arguments):
    try:
        signal.signal(signal.SIGTERM, ended)
        text = arguments[0] if arguments else "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
        if text.startswith("@"):
            with open(text[1:], encoding="utf-8") as file:
                text = file.read()
        if os.name == "nt":
            import ctypes

            ctypes.windll.kernel32.SetErrorMode(0x8007)    # inherited: a crash ends the process, no window asks anybody
        found = prove(options_from(text))
    except BaseException as error:
        found = {"finished": False, "process": None, "error": {
            "type": type(error).__name__, "code": error.args[0] if isinstance(error, Stop) else "TRAINING_FAILED",
            "message": str(error.args[-1] if isinstance(error, Stop) else error)[:2000], "where": where_of(error)}}
    found.update(schema_version=1, python={"version": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable})
    sys.stdout.write("\n" + MARK + json.dumps(plain(found), sort_keys=True) + "\n")
    sys.stdout.flush()
    os._exit(0)                                            # threads that still read are of no more use


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child_main(json.loads(sys.argv[2]))
    main(sys.argv[1:])

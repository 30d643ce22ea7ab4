"""For PYTHONPATH, beside libstubrt.so: the operators that PyTorch has for CUDA, computed by its own for the CPU.

The stub's device memory is the PC's own, so a tensor on "cuda:0" can be seen as one on the CPU. Own work,
GPL-3.0-or-later. A software GPU for tests: nothing that it computes says anything of a real one. STUB_SOFT=0 leaves it
out; STUB_SOFT_WRONG=name of an operator (relu, _log_softmax) makes that one wrong.
"""

import ctypes
import importlib.abc
import importlib.util
import os
import sys

KEEP = (
    "empty",
    "empty_strided",
    "copy_",
    "_copy_from",
    "set_",
    "resize_",
    "view",
    "as_strided",
    "_reshape_alias",
    "_local_scalar_dense",
    "record_stream",
    "is_pinned",
    "_pin_memory",
    "_efficientzerotensor",
)


def install(torch):
    torch._C._set_cudnn_enabled(False)
    keep, wrong = [], os.environ.get("STUB_SOFT_WRONG")
    library = torch.library.Library("aten", "IMPL")
    keep.append(library)

    def seen(tensor):
        """The same memory as a tensor of the CPU."""
        storage = tensor.untyped_storage()
        size = storage.nbytes()
        if not size:
            return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype)
        raw = torch.frombuffer((ctypes.c_char * size).from_address(storage.data_ptr()), dtype=torch.uint8)
        return torch.empty(0, dtype=tensor.dtype).set_(
            raw.untyped_storage(), tensor.storage_offset(), tensor.size(), tensor.stride()
        )

    def on_cpu(op, name):
        def run(*args, **kwargs):
            pairs = []

            def there(value):
                if isinstance(value, torch.Tensor) and value.device.type == "cuda":
                    mine = seen(value)
                    pairs.append((mine, value))
                    return mine
                if isinstance(value, torch.device) and value.type == "cuda":
                    return torch.device("cpu")
                return type(value)(there(item) for item in value) if isinstance(value, (list, tuple)) else value

            def back(value):
                if isinstance(value, torch.Tensor):
                    for mine, original in pairs:
                        if mine is value:
                            return original
                    result = torch.empty_strided(value.size(), value.stride(), dtype=value.dtype, device="cuda:0")
                    seen(result).copy_(value)
                    return result
                return type(value)(back(item) for item in value) if isinstance(value, (list, tuple)) else value

            given = op(*[there(item) for item in args], **{key: there(item) for key, item in kwargs.items()})
            for mine, original in pairs:  # an empty one that the operator gave its size
                if mine.size() != original.size():
                    original.resize_(mine.size())
                    seen(original).copy_(mine)
            if wrong == name:
                (given[0] if isinstance(given, tuple) else given).add_(0.5)
            return back(given)

        return run

    count = 0
    for full in torch._C._dispatch_get_registrations_for_dispatch_key("CUDA"):
        if not full.startswith("aten::"):
            continue
        name, _, overload = full[6:].partition(".")
        if name in KEEP:
            continue
        op = getattr(getattr(torch.ops.aten, name), overload or "default", None)
        if op is not None:
            library.impl(full, on_cpu(op, name), "CUDA")
            count += 1
    cpu = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)

    def copy_(target, source, non_blocking=False):
        """Between the sides it is the runtime's copy; on the device it may be a kernel (another type or order)."""
        if target.device.type == source.device.type == "cuda":
            seen(target).copy_(seen(source))
            return target
        return torch.ops.aten.copy_.default.redispatch(cpu, target, source, non_blocking)

    library.impl("copy_", copy_, "CUDA")
    torch._stub_library = keep
    return count


class After(importlib.abc.MetaPathFinder):
    """Once `import torch` is through, at the first look at torch.cuda's availability."""

    def find_spec(self, name, path=None, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def then(module):
            run(module)
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                install(module)

        spec.loader.exec_module = then
        return spec


if os.environ.get("STUB_SOFT") != "0":
    sys.meta_path.insert(0, After())

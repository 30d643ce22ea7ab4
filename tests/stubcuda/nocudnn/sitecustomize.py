"""For PYTHONPATH: PyTorch without cuDNN, whose own CUDA runtime ends at the stub's frontier: cuBLAS convolves."""

import importlib.abc
import importlib.util
import sys


class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "torch.backends.cudnn":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def then(module):
            run(module)
            import torch

            torch._C._set_cudnn_enabled(False)

        spec.loader.exec_module = then
        return spec


sys.meta_path.insert(0, Without())

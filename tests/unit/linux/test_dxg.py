"""What Windows hands a guest, read in the guest: the device, its libraries, the loader's cache, drivers in the way."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.gpuready.lab.plugins.module_utils.linux.probe import dxg

STATUS = """Package: cuda-toolkit-12-9
Status: install ok installed

Package: nvidia-driver-550
Status: install ok installed
Version: 550.54

Package: libnvidia-compute-550
Status: deinstall ok config-files

Package: nvidia-container-toolkit
Status: install ok installed
"""


def test_what_is_handed_to_a_guest(tmp_path: Path) -> None:
    libraries, cache = tmp_path / "lib", tmp_path / "etc/ld.so.cache"
    for folder in (libraries, cache.parent, tmp_path / "dev", tmp_path / "var/lib/dpkg"):
        folder.mkdir(parents=True)

    def found() -> dict[str, object]:
        return dxg(str(tmp_path / "dev"), str(libraries), str(cache.parent), str(tmp_path / "var"))

    assert found() == {"device": False, "libraries": [], "cached": None, "drivers": []}
    (libraries / "libcuda.so.1").touch()
    (tmp_path / "dev/dxg").touch()
    cache.write_bytes(b"glibc-ld.so.cache1.1\0/lib/libc.so.6\0")
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    assert found() == {
        "device": True,
        "libraries": ["libcuda.so.1"],
        "cached": False,
        "drivers": ["nvidia-driver-550"],
    }
    cache.write_bytes(f"glibc\0{libraries}/libcuda.so.1\0".encode())
    assert found()["cached"] is True


def test_a_machine_that_is_no_guest_has_none_of_it(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none")
    assert dxg(nowhere, nowhere, nowhere, nowhere) == {
        "device": False,
        "libraries": None,
        "cached": None,
        "drivers": [],
    }

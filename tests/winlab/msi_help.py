"""An MSI that is WSL's as far as Windows Installer and gpuready see it: its wsl.exe, its keys of the registry."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from winlab import PREFIXES
from winlab.subsystem import BROUGHT

from gpuready.simlab.subsystem import PRODUCT

_SOURCE = r"""<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
  <Product Id="{product}" Name="Windows Subsystem for Linux" Language="1033" Version="{version}"
           Manufacturer="The gpuready authors" UpgradeCode="{{1C3F1A5E-6D2B-4B8A-9E57-3B0C6E1D2F40}}">
    <Package InstallerVersion="500" Compressed="yes" InstallScope="perMachine"/>
    <Media Id="1" Cabinet="wsl.cab" EmbedCab="yes"/>
    <Directory Id="TARGETDIR" Name="SourceDir">
      <Directory Id="ProgramFiles64Folder">
        <Directory Id="WSLDIR" Name="WSL">
          <Component Id="Wsl" Guid="{{7F2D9B1C-55A0-4E0E-8C8D-0A4F4B6D7E11}}" Win64="yes">
            <File Id="wsl.exe" Name="wsl.exe" Source="wsl.exe" KeyPath="yes"/>
            <RegistryKey Root="HKLM" Key="SOFTWARE\Microsoft\Windows\CurrentVersion\Lxss\MSI">
              <RegistryValue Name="Version" Type="string" Value="[ProductVersion]"/>
              <RegistryValue Name="InstallLocation" Type="string" Value="[WSLDIR]"/>
              <RegistryValue Name="ProductCode" Type="string" Value="[ProductCode]"/>
            </RegistryKey>
          </Component>
        </Directory>
      </Directory>
    </Directory>
    <Feature Id="Main" Level="1"><ComponentRef Id="Wsl"/></Feature>
  </Product>
</Wix>
"""


def build(folder: Path, version: str) -> bytes:
    """The package of this version."""
    if shutil.which("wixl") is None:
        reason = "no wixl (Debian's package of that name), which builds MSIs"
        if os.environ.get("GPUREADY_REQUIRE_WINLAB") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    (folder / "wsl.wxs").write_text(_SOURCE.format(product=PRODUCT, version=version))
    (folder / "wsl.exe").write_bytes((PREFIXES / "program.exe").read_bytes() + BROUGHT + version.encode())
    subprocess.run(["wixl", "-a", "x64", "-o", "wsl.msi", "wsl.wxs"], cwd=folder, capture_output=True, check=True)
    return (folder / "wsl.msi").read_bytes()


def declared(path: Path, data: bytes, version: str, sha256: str = "") -> dict[str, str]:
    """The file, as the variable `wsl_package`."""
    path.write_bytes(data)
    return {"path": str(path), "sha256": sha256 or hashlib.sha256(data).hexdigest(), "version": version}

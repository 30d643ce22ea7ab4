"""PSRP over WSMan: each runspace pool is one real `powershell -ServerMode` process; this passes fragments between."""

from __future__ import annotations

import base64
import collections
import re
import struct
import subprocess
import threading
import uuid
import xml.etree.ElementTree as ET
from typing import Any

from . import wsman

SCHEMA = "http://schemas.microsoft.com/powershell"
POOL = "00000000-0000-0000-0000-000000000000"
ELEMENT = re.compile(rb"<(\w+)(?:\s+Stream='(\w+)')?\s+PSGuid='([0-9a-fA-F-]+)'\s*(?:/>|>([^<]*)</)")
PIPELINE_STATE = 0x00041006
ENDED = re.compile(rb'N="PipelineState">([345])<')  # Stopped, Completed, Failed


class Pool:
    """One out-of-process runspace pool: what it says is queued by pipeline."""

    def __init__(self, command: list[str]):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self.cv = threading.Condition()
        self.queues: dict[str, list[bytes]] = {POOL: []}
        self.acknowledged: collections.Counter[tuple[str, str]] = collections.Counter()
        self.sending = threading.Lock()
        self.ended: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            m = ELEMENT.search(line)
            if not m:
                continue
            kind, guid, data = m[1].decode(), m[3].decode().lower(), m[4]
            with self.cv:
                if kind == "Data":
                    raw = base64.b64decode(data)
                    self.queues.setdefault(guid, []).append(raw)
                    if guid != POOL and self._ends(raw):
                        self.ended.add(guid)
                else:
                    self.acknowledged[kind, guid] += 1
                self.cv.notify_all()
        with self.cv:
            self.ended.update(self.queues)
            self.cv.notify_all()

    @staticmethod
    def _ends(data: bytes) -> bool:
        """Whether a pipeline's last message is among these fragments (it is small, so it is never split)."""
        at = 0
        while at + 21 <= len(data):
            length = struct.unpack(">I", data[at + 17 : at + 21])[0]
            blob = data[at + 21 : at + 21 + length]
            last = data[at + 16] & 1 and len(blob) >= 8
            if last and struct.unpack("<I", blob[4:8])[0] == PIPELINE_STATE and ENDED.search(blob):
                return True
            at += 21 + length
        return False

    def send(self, kind: str, guid: str, data: str = "", stream: str = "Default", timeout: float = 60) -> None:
        """Send one packet and wait until it is acknowledged: the engine handles packets side by side."""
        text = f"<{kind} PSGuid='{guid}' />"
        if kind == "Data":
            text = f"<Data Stream='{stream}' PSGuid='{guid}'>{data}</Data>"
        assert self.process.stdin is not None
        key = (kind + "Ack", guid)
        with self.sending:
            with self.cv:
                before = self.acknowledged[key]
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
            with self.cv:
                self.cv.wait_for(lambda: self.acknowledged[key] > before or self.process.poll() is not None, timeout)

    def receive(self, guid: str, timeout: float) -> tuple[list[bytes], bool]:
        """What a pipeline has said since the last call, and whether it has ended."""
        with self.cv:
            if not self.cv.wait_for(lambda: self.queues.get(guid) or guid in self.ended, timeout):
                raise wsman.op_timeout()
            out = self.queues.pop(guid, [])
            return out, guid in self.ended

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


class Service(wsman.Service):
    """A WinRM service with both kinds of shell: cmd (WinRS) and PowerShell (PSRP)."""

    def __init__(self, *args: Any, powershell: list[str], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.powershell = powershell

    def create(self, header: ET.Element, body: ET.Element) -> str:
        if not header.findtext("w:ResourceURI", "", wsman.NS).startswith(SCHEMA):
            return super().create(header, body)
        shell = wsman.need(body, "rsp:Shell")
        sid = (shell.get("ShellId") or str(uuid.uuid4())).upper()
        pool = Pool(self.powershell)
        with self.lock:
            self.shells[sid] = {"pool": pool}
        pool.send("Data", POOL, (wsman.need(shell, f"{{{SCHEMA}}}creationXml").text or "").strip())
        uri = SCHEMA + "/Microsoft.PowerShell"
        return self.created(sid, uri) + (
            f"<rsp:Shell><rsp:ShellId>{sid}</rsp:ShellId><rsp:ResourceUri>{uri}</rsp:ResourceUri>"
            "<rsp:State>Connected</rsp:State></rsp:Shell>"
        )

    def do_command(self, sid: str, shell: wsman.Shell, body: ET.Element, timeout: float) -> str:
        if "pool" not in shell:
            return super().do_command(sid, shell, body, timeout)
        line = wsman.need(body, "rsp:CommandLine")
        cid = (line.get("CommandId") or str(uuid.uuid4())).lower()
        shell["pool"].send("Command", cid)
        shell["pool"].send("Data", cid, line.findtext("rsp:Arguments", "", wsman.NS).strip())
        return f"<rsp:CommandResponse><rsp:CommandId>{cid.upper()}</rsp:CommandId></rsp:CommandResponse>"

    def do_send(self, sid: str, shell: wsman.Shell, body: ET.Element, timeout: float) -> str:
        if "pool" not in shell:
            return super().do_send(sid, shell, body, timeout)
        for s in body.findall("rsp:Send/rsp:Stream", wsman.NS):
            to, stream = (s.get("CommandId") or POOL).lower(), "PromptResponse" if s.get("Name") == "pr" else "Default"
            shell["pool"].send("Data", to, (s.text or "").strip(), stream)
        return "<rsp:SendResponse/>"

    def do_receive(self, sid: str, shell: wsman.Shell, body: ET.Element, timeout: float) -> str:
        if "pool" not in shell:
            return super().do_receive(sid, shell, body, timeout)
        cid = wsman.need(body, "rsp:Receive/rsp:DesiredStream").get("CommandId")
        data, ended = shell["pool"].receive((cid or POOL).lower(), timeout)
        of = f' CommandId="{cid}"' if cid else ""
        streams = "".join(f'<rsp:Stream Name="stdout"{of}>{base64.b64encode(d).decode()}</rsp:Stream>' for d in data)
        state = "Done" if ended else "Running"
        tail = f'<rsp:CommandState{of} State="{wsman.RSP}/CommandState/{state}"/>' if cid else ""
        return f"<rsp:ReceiveResponse>{streams}{tail}</rsp:ReceiveResponse>"

    def do_signal(self, sid: str, shell: wsman.Shell, body: ET.Element, timeout: float) -> str:
        if "pool" not in shell:
            return super().do_signal(sid, shell, body, timeout)
        cid = (wsman.need(body, "rsp:Signal").get("CommandId") or "").lower()
        if cid not in shell["pool"].ended:
            shell["pool"].send("Signal", cid)
        return "<rsp:SignalResponse/>"

    def do_delete(self, sid: str, shell: wsman.Shell, body: ET.Element, timeout: float) -> str:
        if "pool" in shell:
            shell["pool"].close()
        return super().do_delete(sid, shell, body, timeout)

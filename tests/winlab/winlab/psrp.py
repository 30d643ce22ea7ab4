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

from gpuready.simlab.winrm.messages import NS, RSP, need, operation_timeout

SCHEMA = "http://schemas.microsoft.com/powershell"
POWERSHELL_SHELL = SCHEMA + "/Microsoft.PowerShell"
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
                raise operation_timeout()
            out = self.queues.pop(guid, [])
            return out, guid in self.ended

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


class PowerShellShell:
    """A shell of runspaces (a Shell of the service). `powershell` is the command line of a pool's process."""

    def __init__(self, body: ET.Element, powershell: list[str]):
        self.pool = Pool(powershell)
        creation = need(need(body, "rsp:Shell"), f"{{{SCHEMA}}}creationXml")
        self.pool.send("Data", POOL, (creation.text or "").strip())

    def about(self, sid: str) -> str:
        """The shell as the reply to Create has it."""
        return (
            f"<rsp:Shell><rsp:ShellId>{sid}</rsp:ShellId><rsp:ResourceUri>{POWERSHELL_SHELL}</rsp:ResourceUri>"
            "<rsp:State>Connected</rsp:State></rsp:Shell>"
        )

    def command(self, body: ET.Element) -> str:
        """Start a pipeline."""
        line = need(body, "rsp:CommandLine")
        cid = (line.get("CommandId") or str(uuid.uuid4())).lower()
        self.pool.send("Command", cid)
        self.pool.send("Data", cid, line.findtext("rsp:Arguments", "", NS).strip())
        return f"<rsp:CommandResponse><rsp:CommandId>{cid.upper()}</rsp:CommandId></rsp:CommandResponse>"

    def send(self, body: ET.Element) -> str:
        """Take a fragment for a pipeline or the pool."""
        for s in body.findall("rsp:Send/rsp:Stream", NS):
            to, stream = (s.get("CommandId") or POOL).lower(), "PromptResponse" if s.get("Name") == "pr" else "Default"
            self.pool.send("Data", to, (s.text or "").strip(), stream)
        return "<rsp:SendResponse/>"

    def receive(self, body: ET.Element, timeout: float) -> str:
        """Hand out the fragments of a pipeline or the pool."""
        cid = need(body, "rsp:Receive/rsp:DesiredStream").get("CommandId")
        data, ended = self.pool.receive((cid or POOL).lower(), timeout)
        of = f' CommandId="{cid}"' if cid else ""
        streams = "".join(f'<rsp:Stream Name="stdout"{of}>{base64.b64encode(d).decode()}</rsp:Stream>' for d in data)
        state = "Done" if ended else "Running"
        tail = f'<rsp:CommandState{of} State="{RSP}/CommandState/{state}"/>' if cid else ""
        return f"<rsp:ReceiveResponse>{streams}{tail}</rsp:ReceiveResponse>"

    def signal(self, body: ET.Element) -> str:
        """Stop a pipeline."""
        cid = (need(body, "rsp:Signal").get("CommandId") or "").lower()
        if cid not in self.pool.ended:
            self.pool.send("Signal", cid)
        return "<rsp:SignalResponse/>"

    def close(self, cut: bool = False) -> None:
        """End the pool's process."""
        self.pool.close()

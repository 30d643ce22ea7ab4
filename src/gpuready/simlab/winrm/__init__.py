"""WinRM as a server, written from what Ansible's winrm and psrp connections send and accept.

`messages` are the envelopes and faults of WS-Management, `shells` what runs in a shell, `service` the shells of one
PC, `auth` who may speak to it, `listener` the HTTP and TLS below. What a command does is the caller's: simlab's
models, or a process on a machine of the tests.
"""

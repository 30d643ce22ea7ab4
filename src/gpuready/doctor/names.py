"""Names of variables that connections to PCs read, as Ansible's plugins and pywinrm document them."""

_COMMON = """
become become_exe become_flags become_method become_password become_user connection host module_compression password
pipelining port private_key_file python_interpreter shell_executable shell_type timeout user remote_tmp async_dir
facts_parallel check_mode diff_mode collection_name network_os role_name no_log
"""
_WINRM = """
ca_trust_path cert_key_pem cert_pem connection_timeout credssp_disable_tlsv1_2 host kerberos_delegation
kerberos_hostname_override kinit_args kinit_cmd kinit_env_vars kinit_mode keytab message_encryption
operation_timeout_sec pass password path port proxy read_timeout_sec realm scheme send_cbt server_cert_validation
service transport user username
"""
_PSRP = """
auth ca_cert cert_trust_path cert_validation certificate_key_password certificate_key_pem certificate_pem
configuration_name connection_backoff connection_timeout credssp_auth_mechanism credssp_disable_tlsv1_2
credssp_minimum_version host ignore_proxy max_envelope_size message_encryption negotiate_delegate
negotiate_hostname_override negotiate_send_cbt negotiate_service no_profile operation_timeout password path port
protocol proxy read_timeout reconnection_backoff reconnection_retries user
"""
_SSH = """
args common_args executable extra_args host host_key_checking pass password password_mechanism pipelining
pkcs11_provider port private_key private_key_file private_key_passphrase retries timeout transfer_method use_tty user
verbosity
"""
_MORE = """
control_path control_path_dir host_key_checking private_key private_key_passphrase scp_executable scp_extra_args
sftp_batch_mode sftp_executable sftp_extra_args sshpass_prompt sudo_pass su_pass sudo_exe sudo_flags su_exe su_flags
su_user sudo_user runas_user runas_pass local_become_strip_preamble local_become_success_timeout
"""

KNOWN = frozenset(
    [
        *(f"ansible_{name}" for name in (_COMMON + _MORE).split()),
        *(f"ansible_winrm_{name}" for name in _WINRM.split()),
        *(f"ansible_psrp_{name}" for name in _PSRP.split()),
        *(f"ansible_ssh_{name}" for name in _SSH.split()),
    ]
)

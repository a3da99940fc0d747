"""Logging in over SSH: only to servers whose host key is known, only with what the source file names."""

import contextlib
from typing import TYPE_CHECKING

from common.errors import ConfigurationError, SourceError
from connectors.source import Sftp, read_secret

if TYPE_CHECKING:
    import paramiko


def logged_in(sftp: Sftp, address: str, *, seconds: float) -> "paramiko.SSHClient":
    """A connection to the server of `[files.sftp]`; no step takes longer than `seconds`.

    Raises `ConfigurationError` where nobody vouches for the server or our key cannot be read, `SourceError` where we are
    not let in, and whatever paramiko and the network raise where the server is not reached.
    """
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(_refuse_unknown(sftp))
    try:
        client.load_host_keys(str(sftp.known_hosts))
    except OSError as error:
        raise _not_vouched_for(sftp, f"known_hosts cannot be read: {error.strerror}") from error
    with contextlib.ExitStack() as unless_logged_in:
        unless_logged_in.callback(client.close)
        _connect(client, sftp, address, seconds)
        unless_logged_in.pop_all()
    return client


def _connect(client: "paramiko.SSHClient", sftp: Sftp, address: str, seconds: float) -> None:
    import paramiko

    try:
        client.connect(
            sftp.host,
            sftp.port,
            sftp.user,
            read_secret(sftp.password, where="[files.sftp] password", address=f"sftp://{sftp.host}"),
            key_filename=str(sftp.private_key) if sftp.private_key else None,
            timeout=min(10.0, seconds),
            banner_timeout=seconds,
            auth_timeout=seconds,
            allow_agent=False,
            look_for_keys=False,
        )
    except paramiko.BadHostKeyException as error:
        raise _not_vouched_for(sftp, f"the server shows another key, {_fingerprint(error.key)}") from error
    except paramiko.AuthenticationException as error:
        raise SourceError(
            "the SFTP server does not let us in",
            where=f"{address}, user {sftp.user}",
            remedy="check user, password and private_key in [files.sftp]; the agency must know our public key",
        ) from error
    except FileNotFoundError as error:
        raise ConfigurationError(
            "the private key cannot be read",
            where=f"[files.sftp] private_key = {sftp.private_key}",
            remedy="correct the path, or make a key with `ssh-keygen -t ed25519` and send its .pub to the agency",
        ) from error


def _refuse_unknown(sftp: Sftp) -> "paramiko.MissingHostKeyPolicy":
    import paramiko

    class Refuse(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
            raise _not_vouched_for(sftp, f"nobody has vouched for its host key {_fingerprint(key)}")

    return Refuse()


def _not_vouched_for(sftp: Sftp, what: str) -> ConfigurationError:
    port = f"-p {sftp.port} " if sftp.port != 22 else ""
    return ConfigurationError(
        f"the SFTP server is not spoken to: {what}",
        where=f"{sftp.host}:{sftp.port}, [files.sftp] known_hosts = {sftp.known_hosts}",
        remedy=f"compare the fingerprint with the agency's by telephone, then "
        f"`ssh-keyscan {port}{sftp.host} >> {sftp.known_hosts}`",
    )


def _fingerprint(key: "paramiko.PKey") -> str:
    return f"{key.get_name()} {key.fingerprint}"

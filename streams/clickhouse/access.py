"""CLICKHOUSE_* -> how a client proves who it is to a server, and the server to it."""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams import environment
from streams.errors import ConfigurationError


class Access(BaseSettings):
    """A user and the certificates of both sides; all may be empty."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    user: str = Field("", validation_alias="CLICKHOUSE_USER")
    password: str = Field("", validation_alias="CLICKHOUSE_PASSWORD", repr=False)
    ca_file: Path | None = Field(None, validation_alias="CLICKHOUSE_CA_FILE")
    """PEM of the server's authorities; those of certifi when empty."""
    cert_file: Path | None = Field(None, validation_alias="CLICKHOUSE_CERT_FILE")
    """PEM of the client's certificate and its chain."""
    key_file: Path | None = Field(None, validation_alias="CLICKHOUSE_KEY_FILE")
    """PEM of its key; in the certificate's file when empty."""

    def arguments(self, url: SplitResult) -> dict[str, str]:
        """Return what clickhouse_connect is given for this address.

        Raises:
            ConfigurationError: the parts do not fit together, or a file is missing.
        """
        self._check(url)
        found: dict[str, str] = {}
        if self.user:
            found["username"] = self.user
        if self.password and not url.password:
            found["password"] = self.password
        for name, path in (
            ("ca_cert", self.ca_file),
            ("client_cert", self.cert_file),
            ("client_cert_key", self.key_file),
        ):
            if path is not None:
                found[name] = str(path)
        if self.cert_file is not None:
            # With a user alone the certificate stands for its password.
            proves_user = self.user and "password" not in found
            found["tls_mode"] = "mutual" if proves_user else "strict"
        return found

    def _check(self, url: SplitResult) -> None:
        files = {
            "CLICKHOUSE_CA_FILE": self.ca_file,
            "CLICKHOUSE_CERT_FILE": self.cert_file,
            "CLICKHOUSE_KEY_FILE": self.key_file,
        }
        for name, path in files.items():
            if path is not None and url.scheme != "https":
                raise ConfigurationError(
                    f"{name} is set, but CLICKHOUSE_URL begins with {url.scheme}: "
                    f"expected https; correct the address, or unset {name}"
                )
            if path is not None and not path.is_file():
                raise ConfigurationError(
                    f"{name}: expected a PEM file at {path}, there is none"
                )
        if self.key_file is not None and self.cert_file is None:
            raise ConfigurationError(
                "CLICKHOUSE_KEY_FILE is set, CLICKHOUSE_CERT_FILE is not: expected the "
                "certificate of that key too"
            )
        if url.username and self.user:
            raise ConfigurationError(
                "CLICKHOUSE_USER and CLICKHOUSE_URL both name a user: expected one"
            )


def load_access() -> Access:
    """Return what the environment and `.env` say.

    Raises:
        ConfigurationError: a variable is not known, or has a wrong value.
    """
    known = {str(field.validation_alias) for field in Access.model_fields.values()}
    known |= {"CLICKHOUSE_URL", "CLICKHOUSE_PASSWORD_FILE"}
    environment.refuse_unknown(("CLICKHOUSE_",), known)
    secrets: dict[str, Any] = dict(
        environment.secrets_from_files(["CLICKHOUSE_PASSWORD"])
    )
    try:
        return Access(**secrets)
    except ValidationError as error:
        raise environment.refused_values(error) from error

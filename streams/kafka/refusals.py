"""What a Kafka client raises -> one sentence: expected, came, to do."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from streams.errors import AdloomError, ConfigurationError, UnavailableError


def refusal(
    error: BaseException, where: str, security: Mapping[str, Any] | None = None
) -> AdloomError:
    """Return our error for one of a Kafka client's.

    Args:
        error: what was raised; its causes are looked at too.
        where: which broker, topic or group it is about.
        security: the connection's, to say what was tried.
    """
    chain = list(_causes(error))
    for one in chain:
        sentence = _about_rights(one, where) or _about_identity(
            one, where, security or {}
        )
        if sentence:
            return ConfigurationError(sentence)
    if security and any(isinstance(one, (ConnectionError, EOFError)) for one in chain):
        return UnavailableError(
            f"{where} ended the connection: expected a listener for "
            f"{security['security_protocol']} that accepts this client; is the port "
            "another listener's, or does it want a client certificate "
            "(KAFKA_SSL_CERT_FILE)?"
        )
    return UnavailableError(
        f"no Kafka broker answers at {where}: came {chain[-1]!r}; start it, or correct "
        "KAFKA_BOOTSTRAP_SERVERS"
    )


def may_not(what: str, rights: str) -> str:
    """Return the sentence about a right that is missing."""
    return (
        f"{what} may not be used by this Kafka user: expected the right to {rights}; "
        "grant it by an ACL, or correct the credentials"
    )


def _about_rights(error: BaseException, where: str) -> str | None:
    named = str(error.args[0]) if error.args else where
    if isinstance(error, TopicAuthorizationFailedError):
        return may_not(f"topic {named}", "DESCRIBE it, and READ or WRITE it")
    if isinstance(error, GroupAuthorizationFailedError):
        return may_not(f"group {named}", "READ it")
    if isinstance(error, ClusterAuthorizationFailedError):
        return may_not(f"the cluster at {where}", "IDEMPOTENT_WRITE and CREATE there")
    if isinstance(error, KafkaError) and type(error).__name__.endswith(
        "AuthorizationFailedError"
    ):
        return may_not(where, f"do so ({error!r})")
    return None


def _about_identity(
    error: BaseException, where: str, security: Mapping[str, Any]
) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{where} is not trusted: expected a certificate for that name, signed by "
            f"an authority of KAFKA_SSL_CA_FILE, came: {error.verify_message}; correct "
            "KAFKA_SSL_CA_FILE or KAFKA_BOOTSTRAP_SERVERS"
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"{where} speaks no TLS that suits: expected a listener for "
            f"{security.get('security_protocol')} that accepts this client's "
            f"certificate, came: {error.reason}; correct KAFKA_SECURITY_PROTOCOL, the "
            "port, or KAFKA_SSL_CERT_FILE"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return (
            f"{where} does not know KAFKA_SASL_MECHANISM "
            f"{security.get('sasl_mechanism')}, came: {error}; correct it"
        )
    if isinstance(error, SaslAuthenticationFailed):
        user = security.get("sasl_plain_username")
        to_correct = "KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD"
        if user is None:
            to_correct = "the token in KAFKA_SASL_OAUTHBEARER_TOKEN_FILE"
        return (
            f"{where} does not let {user or 'this client'} in by "
            f"{security.get('sasl_mechanism')}: expected credentials that it knows, "
            f"came: {error}; correct {to_correct}"
        )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__

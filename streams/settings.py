"""Every setting, its default and its meaning: the only reader of the environment.

A setting `requests.cooldown_s` is the variable `ADLOOM_REQUESTS__COOLDOWN_S`; the
names that Kafka, ClickHouse and schema registry users know are taken as they are.
Order: environment, `.env`, then the defaults below. A secret may also come from a
file: `ADLOOM_PRIVACY__PSEUDONYM_KEY_FILE`, `KAFKA_SASL_PASSWORD_FILE`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from model_export.generators.catalogue import DEFAULT_MODEL
from schemas import vocabulary
from streams import environment
from streams.errors import ConfigurationError, UnavailableError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PreferencesSettings(_Section):
    """Rolling preferences."""

    half_lives_s: tuple[int, ...] = Field(
        (3_600, 86_400, 1_209_600), description="Half-lives in seconds, shortest first."
    )
    flush_ms: int = Field(
        100, ge=10, description="Longest time a changed preference waits, ms."
    )
    duplicate_window: int = Field(
        1_000_000,
        ge=1,
        description="Events of a partition among which a repeated id is recognised.",
    )
    snapshot_s: float = Field(
        60.0,
        ge=0,
        description="Least time between two local snapshots of a partition; 0: none.",
    )
    kernels: Literal["auto", "python"] = Field(
        "auto", description="auto: compiled code where the build has it."
    )


class RequestsSettings(_Section):
    """When a person needs a new creative."""

    shift: float = Field(
        0.35, gt=0, le=2, description="Cosine distance that counts as a shift."
    )
    fatigue_impressions: int = Field(
        6,
        ge=1,
        le=6,
        description="Impressions without a click before a new creative: of any kind "
        "since the last request, or of one style within a day.",
    )
    cooldown_s: float = Field(
        20.0, ge=0, description="Least time between requests for one placement."
    )
    deadline_s: float = Field(30.0, gt=0, description="A request lives this long.")


class CreativesSettings(_Section):
    """Generating and picking creatives."""

    candidates: int = Field(16, ge=2, le=256, description="Designs per request (K).")
    thompson_share: float = Field(
        0.375,
        ge=0,
        le=1,
        description="Share of those K that are best designs of posterior draws.",
    )
    temperature: float = Field(
        0.3, gt=0, description="Sampling temperature of most candidates."
    )
    pick_temperature: float = Field(
        0.0005,
        gt=0,
        description="Softmax temperature of a draw's pick, in click probability.",
    )
    exploration: float = Field(
        0.05, ge=0, le=1, description="Share of picks that are uniform over the pool."
    )
    control_share: float = Field(
        0.2, ge=0, lt=1, description="Share of people who get a random creative."
    )
    expiry_s: float = Field(3_600.0, gt=0, description="Creative's life, seconds.")
    batch: int = Field(256, ge=1, le=1_024, description="Requests per micro-batch.")
    assets: Literal["inline", "on_demand"] = Field(
        "inline",
        description="Rendered into each record, or by the ad server when asked for.",
    )


class AttributionSettings(_Section):
    """Impression-click-conversion join, in event time."""

    click_window_s: float = Field(
        1_800.0, gt=0, description="An impression without a click by then is a none."
    )
    correction_window_s: float = Field(
        86_400.0, gt=0, description="Later clicks and conversions still correct."
    )


class RetrainingSettings(_Section):
    """When a fine-tune job is triggered."""

    examples: int = Field(10_000, ge=50, description="New feedback that triggers.")
    max_age_s: float = Field(86_400.0, gt=0, description="Oldest unlearnt feedback.")
    min_examples: int = Field(500, ge=10, description="Fewer never trigger.")
    drift_delta: float = Field(
        0.002, gt=0, lt=1, description="ADWIN's confidence parameter."
    )


class RolloutSettings(_Section):
    """How a released model earns its traffic."""

    shadow_requests: int = Field(200, ge=0, description="Requests in the shadow.")
    canary_share: float = Field(0.3, gt=0, le=1, description="People in the canary.")
    canary_impressions: int = Field(
        1_000, ge=10, description="Impressions per arm before a verdict."
    )
    max_canary_impressions: int = Field(
        50_000, ge=10, description="Decide by now: what is not promoted goes back."
    )
    max_loss: float = Field(
        0.06,
        gt=0,
        le=1,
        description="Loss of clicks that a promotion rules out; 1: unless it is worse.",
    )


class LearnerSettings(_Section):
    """How the serving critics learn between two versions."""

    publish_s: float = Field(
        2.0, gt=0, description="Least time between two posteriors of a version."
    )
    keep_days: float = Field(
        8.0,
        gt=0,
        description="Posteriors are kept so long: a day more than creatives.",
    )


class ModelSettings(_Section):
    """Which generator serves."""

    name: str = Field(
        DEFAULT_MODEL,
        pattern="^[a-z0-9][a-z0-9-]{0,63}$",
        description="Generator that answers requests.",
    )
    store: str = Field(
        "var/models", description="Model registry folder, or an s3:// address."
    )
    space: Path | None = Field(
        None, description="Creative space file; the bundled one when empty."
    )


class BrandSettings(_Section):
    """Who advertises; the default is a brand of our own, for demos."""

    name: str = Field("Adloom Demo", description="Name on every creative.")
    landing_url: str = Field(
        "https://shop.example/", description="Where a click leads, http or https."
    )
    asset_root: str = Field(
        "https://ads.example/creatives",
        description="Where the ad server publishes assets: <root>/<creative>/<asset>.",
    )


class PrivacySettings(_Section):
    """Privacy at the door."""

    pseudonym_key: str = Field(
        "", description="Secret key of the user id hash; empty: made once per store."
    )


class LocalSettings(_Section):
    """The local stack."""

    folder: Path = Field(Path("var"), description="Where local data lives.")
    host: str = Field("127.0.0.1", description="Address that servers bind to.")
    ad_server_port: int = Field(0, ge=0, le=65_535, description="0: any free port.")
    clickhouse_port: int = Field(0, ge=0, le=65_535, description="0: any free port.")
    metrics_port: int = Field(0, ge=0, le=65_535, description="Worker's /metrics.")


class KafkaSettings(_Section):
    """Topics and client behaviour."""

    topic_prefix: str = Field("", description="Put before every topic and group name.")
    partitions: int = Field(4, ge=1, description="Partitions of a new topic.")
    replication: int = Field(1, ge=1, description="Replicas of a new topic.")
    session_timeout_s: float = Field(
        45.0, ge=1, description="Consumer session; 6 suits the local broker."
    )
    checkpoint_s: float = Field(
        1.0, gt=0, description="Longest time between checkpoints of a stage."
    )


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="ADLOOM_",
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
    )

    kafka_bootstrap_servers: str = Field(
        "", validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="Empty: local."
    )
    kafka_security_protocol: Literal[
        "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"
    ] = Field(
        "PLAINTEXT",
        validation_alias="KAFKA_SECURITY_PROTOCOL",
        description="With TLS, with a user, with both.",
    )
    kafka_sasl_mechanism: (
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None
    ) = Field(
        None,
        validation_alias="KAFKA_SASL_MECHANISM",
        description="How the user proves who it is.",
    )
    kafka_sasl_username: str = Field(
        "", validation_alias="KAFKA_SASL_USERNAME", description="PLAIN, SCRAM: user."
    )
    kafka_sasl_password: str = Field(
        "",
        validation_alias="KAFKA_SASL_PASSWORD",
        description="PLAIN, SCRAM: its password.",
        repr=False,
    )
    kafka_sasl_token_file: Path | None = Field(
        None,
        validation_alias="KAFKA_SASL_OAUTHBEARER_TOKEN_FILE",
        description="OAUTHBEARER: token, read again for each connection.",
    )
    kafka_ssl_ca_file: Path | None = Field(
        None,
        validation_alias="KAFKA_SSL_CA_FILE",
        description="PEM of the brokers' authorities; empty: the system's.",
    )
    kafka_ssl_cert_file: Path | None = Field(
        None,
        validation_alias="KAFKA_SSL_CERT_FILE",
        description="PEM of the client's certificate and its chain.",
    )
    kafka_ssl_key_file: Path | None = Field(
        None,
        validation_alias="KAFKA_SSL_KEY_FILE",
        description="PEM of its key; empty: in the certificate's file.",
    )
    kafka_ssl_key_password: str = Field(
        "",
        validation_alias="KAFKA_SSL_KEY_PASSWORD",
        description="Password of an encrypted key.",
        repr=False,
    )
    clickhouse_url: str = Field(
        "", validation_alias="CLICKHOUSE_URL", description="Empty: in process."
    )
    schema_registry_url: str = Field(
        "", validation_alias="SCHEMA_REGISTRY_URL", description="Empty: schemas.lock."
    )
    schema_registry_username: str = Field(
        "", validation_alias="SCHEMA_REGISTRY_USERNAME", description="Basic: user."
    )
    schema_registry_password: str = Field(
        "",
        validation_alias="SCHEMA_REGISTRY_PASSWORD",
        description="Basic: its password.",
        repr=False,
    )
    schema_registry_ssl_ca_file: Path | None = Field(
        None,
        validation_alias="SCHEMA_REGISTRY_SSL_CA_FILE",
        description="PEM of the registry's authorities; empty: the system's.",
    )
    vocabulary: Path | None = Field(
        None,
        validation_alias=vocabulary.VARIABLE,
        description="Vocabulary file; the bundled one when empty.",
    )
    kernels: Literal["auto", "off"] = Field(
        "auto",
        validation_alias="ADLOOM_KERNELS",
        description="off: the references in Python, although the compiled kernels are "
        "built; of the environment, not of `.env`.",
    )
    kafka: KafkaSettings = KafkaSettings()
    preferences: PreferencesSettings = PreferencesSettings()
    requests: RequestsSettings = RequestsSettings()
    creatives: CreativesSettings = CreativesSettings()
    attribution: AttributionSettings = AttributionSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    rollout: RolloutSettings = RolloutSettings()
    learner: LearnerSettings = LearnerSettings()
    model: ModelSettings = ModelSettings()
    brand: BrandSettings = BrandSettings()
    privacy: PrivacySettings = PrivacySettings()
    local: LocalSettings = LocalSettings()


_SECRETS = (
    "KAFKA_SASL_USERNAME",
    "KAFKA_SASL_PASSWORD",
    "KAFKA_SSL_KEY_PASSWORD",
    "SCHEMA_REGISTRY_USERNAME",
    "SCHEMA_REGISTRY_PASSWORD",
    "ADLOOM_PRIVACY__PSEUDONYM_KEY",
)
"""Variables of which `<name>_FILE` may name a file with the value instead."""


def load() -> Settings:
    """Return the settings of this process.

    Raises:
        ConfigurationError: one or more settings are wrong; names all of them.
    """
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    known |= {f"{secret}_FILE" for secret in _SECRETS}
    environment.refuse_unknown(("KAFKA_", "SCHEMA_REGISTRY_"), known)
    secrets: dict[str, Any] = dict(environment.secrets_from_files(_SECRETS))
    if (key := secrets.pop("ADLOOM_PRIVACY__PSEUDONYM_KEY", None)) is not None:
        secrets["privacy"] = {"pseudonym_key": key}
    try:
        loaded = Settings(**secrets)
    except ValidationError as error:
        raise environment.refused_values(error) from error
    _keep_vocabulary(loaded.model.store)
    return loaded


def _keep_vocabulary(store: str) -> None:
    """Have the ids of other vocabularies found in the model store, and keep ours."""

    def kept() -> Iterator[vocabulary.Ids]:
        from model_export.store import vocabularies  # noqa: PLC0415 - start fast

        yield from vocabularies.Vocabularies(store).all()

    vocabulary.look_up_with(kept)
    try:
        ours = vocabulary.deployed()
    except vocabulary.VocabularyError as error:
        raise ConfigurationError(
            f"{vocabulary.VARIABLE}: {error}\nsee docs/vocabulary.md"
        ) from error
    if ours.digest != vocabulary.bundled().digest:
        from model_export.store import vocabularies  # noqa: PLC0415 - start fast

        try:
            vocabularies.Vocabularies(store).keep(ours.ids)
        except vocabularies.RegistryError as error:
            raise UnavailableError(f"model.store: {error}") from error

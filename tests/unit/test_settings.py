"""The configuration: what may be said where, who wins, and what a mistake is answered with."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dialer.errors import ConfigInvalid, RedisUnreachable
from dialer.settings import SAMPLE_TOML, Settings, fingerprint, load_settings, sources, write_sample

ACCOUNTS = """
[providers.inspra_au]
kind = "inspra"
base_url = "https://inspra.example/"
token = "s3cret-token"
channels = 7

[providers.us]
kind = "batch_call"
base_url = "http://localhost:8080"
api_key = "s3cret-key"
api_secret = "s3cret-secret"

[providers.oc]
kind = "outboundcalls"
base_url = "https://outboundcalls.example/api/v1"
api_key = "s3cret-oc"
webhook_secret = "s3cret-hook"
phone_numbers = {"+61 3 8777 2586" = "clx1"}

[providers.own]
kind = "our_own"
base_url = "https://own.example"
password = "s3cret-own"
"""


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, no variables of ours, no mounted secrets."""
    for variable in (*sources.environment(), sources.CONFIG_VARIABLE, "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sources, "SECRETS_DIRECTORY", tmp_path / "run" / "secrets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configured(text: str, **overrides: Any) -> Settings:
    Path("dialer.toml").write_text(text, encoding="utf-8")
    return load_settings(**overrides)


def refused(text: str = "") -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        configured(text)
    return caught.value.message.splitlines()


def test_without_file_and_variables_it_says_how_to_begin() -> None:
    with pytest.raises(ConfigInvalid, match="run `dialer init`"):
        load_settings()


def test_a_variable_alone_is_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_NUMBER_CHECK", "valid")
    assert load_settings().number_check == "valid"


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_CONFIG", "elsewhere.toml")
    monkeypatch.setenv("DIALER_NUMBER_CHECK", "valid")
    with pytest.raises(ConfigInvalid, match=r"elsewhere\.toml: there is no such file"):
        load_settings()


def test_the_argument_beats_the_variable_that_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIALER_CONFIG", "elsewhere.toml")
    (tmp_path / "mine.toml").write_text('number_check = "valid"')
    assert load_settings("mine.toml").number_check == "valid"


def test_what_is_left_out_has_the_contracts_defaults() -> None:
    settings = configured("")
    rules = settings.house_rules()
    assert rules.number_check == "possible"
    assert rules.ignore_zones == {"Indian/Cocos", "Indian/Christmas"}
    assert rules.legal_hours == ()
    assert rules.timing.absent == timedelta(seconds=120)
    assert rules.timing.give_up == timedelta(seconds=600)
    assert (rules.timing.heartbeat, rules.timing.dead_after) == (timedelta(seconds=2), timedelta(seconds=10))


def test_later_sources_win_file_then_secret_file_then_variable_then_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted, credentials = tmp_path / "run" / "secrets", tmp_path / "credentials"
    for directory in (mounted, credentials):
        directory.mkdir(parents=True)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    def token() -> object:
        return configured(ACCOUNTS).accounts()["inspra_au"].options["token"]

    assert token() == "s3cret-token"
    (mounted / "dialer_providers__inspra_au__token").write_text("mounted\n")
    assert token() == "mounted"
    (credentials / "DIALER_PROVIDERS__INSPRA_AU__TOKEN").write_text("credential\r\n")
    assert token() == "credential"
    monkeypatch.setenv("DIALER_PROVIDERS__INSPRA_AU__TOKEN", "variable")
    assert token() == "variable"
    settings = load_settings(providers={"inspra_au": {"token": "argument"}})
    assert settings.accounts()["inspra_au"].options["token"] == "argument"
    assert settings.accounts()["inspra_au"].channels == 7


def test_secret_files_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run" / "secrets" / "kubernetes.io").mkdir(parents=True)
    (tmp_path / "run" / "secrets" / "postgres_password").write_text("x")
    assert configured("").number_check == "possible"


def test_lists_and_tables_are_json_in_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_LEGAL_HOURS", '["Mon-Fri|0900-1700"]')
    monkeypatch.setenv("DIALER_PROVIDERS__OC__PHONE_NUMBERS", '{"+61387772586": "clx2"}')
    monkeypatch.setenv("DIALER_PROVIDERS__INSPRA_AU__SEND_BLOCK_RULES", "false")
    monkeypatch.setenv("DIALER_TIMING__GIVE_UP_SECONDS", "30")
    settings = configured(ACCOUNTS)
    assert settings.legal_hours == ("Mon-Fri|0900-1700",)
    assert settings.accounts()["oc"].options["phone_numbers"] == {"+61387772586": "clx2"}
    assert settings.accounts()["inspra_au"].options["send_block_rules"] is False
    assert settings.house_rules().timing.give_up == timedelta(seconds=30)


def test_an_account_name_may_have_underscores_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_PROVIDERS__A__B_C__BASE_URL", "https://one.example")
    settings = configured('[providers.a__b_c]\nkind = "inspra"\nbase_url = "https://other.example"')
    assert settings.accounts()["a__b_c"].base_url == "https://one.example"


def test_accounts_carry_what_their_adapters_read() -> None:
    accounts = configured(ACCOUNTS).accounts()
    assert accounts["inspra_au"].base_url == "https://inspra.example"
    assert accounts["inspra_au"].options == {"token": "s3cret-token", "send_block_rules": True, "webhook_secret": ""}
    assert accounts["us"].options["api_secret"] == "s3cret-secret"
    assert accounts["oc"].options["phone_numbers"] == {"+61387772586": "clx1"}
    assert accounts["own"].options["password"] == "s3cret-own"
    assert {name: account.minimum_balance for name, account in accounts.items()} == {
        "inspra_au": None,
        "us": None,
        "oc": 25.0,
        "own": None,
    }


def test_an_adapter_is_told_where_to_send_webhooks_once_address_and_secret_are_known() -> None:
    one = '[providers.own]\nkind = "acme"\nbase_url = "https://a.example"\n'
    secret = 'webhook_secret = "a/b?c"\n'
    public = 'public_url = "https://d.example/dialer/"\n'
    told = {
        text: configured(text).accounts()["own"] for text in (one, one + secret, public + one, public + one + secret)
    }
    assert [account.options.get("webhook_url") for account in told.values()] == [
        None,
        None,
        None,
        "https://d.example/dialer/webhooks/own/a/b%3Fc",
    ]
    assert len({fingerprint(account) for account in told.values()}) == 1, "no key of the account"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('public_url = "dialer.example"', "public_url: expected http://… or https://…"),
        ('webhook_allow = ["localhost"]', "webhook_allow.0: 'localhost': expected an address or a network, such as"),
        ('webhook_allow = ["10.0.0.1/8"]', "webhook_allow.0: '10.0.0.1/8': expected an address or a network, such as"),
    ],
)
def test_a_mistake_about_webhooks_is_named(line: str, words: str) -> None:
    (said,) = refused(line)
    assert said.startswith(f"dialer.toml: {words}")


def test_networks_for_webhooks_may_be_given_as_json_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_WEBHOOK_ALLOW", '["10.0.0.0/8", "fd00::7"]')
    assert configured("").webhook_allow == ("10.0.0.0/8", "fd00::7/128")


def test_no_secret_shows_however_settings_are_printed() -> None:
    settings = configured('database_url = "postgresql://dialer:s3cret-db@db/dialer"\n' + ACCOUNTS)
    shown = "".join(
        [
            repr(settings),
            str(settings),
            settings.model_dump_json(),
            str(settings.model_dump()),
            *map(repr, settings.accounts().values()),
        ]
    )
    assert "inspra_au" in shown
    assert "s3cret" not in shown


def test_no_secret_shows_in_an_error() -> None:
    lines = refused(
        """
        database_url = "mysql://dialer:s3cret-db@db"
        redis_url = "http://:s3cret-redis@redis"
        [providers.a]
        kind = "batch_call"
        base_url = "https://a.example"
        api_key = "s3cret key with blanks"
        api_secrt = "s3cret-secret"
        webhook_secret = ["s3cret-hook"]
        """
    )
    assert "s3cret" not in "".join(lines)
    assert len(lines) == 6
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"database_url": "mysql://s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('databse_url = "x"', "dialer.toml: databse_url: is not a known key; did you mean 'database_url'?"),
        ("[timing]\nabsent_s = 1", "dialer.toml: timing.absent_s: is not a known key; did you mean 'absent_seconds'?"),
        ('number_check = "maybe"', "dialer.toml: number_check: expected 'possible' or 'valid', got 'maybe'"),
        ("timing = 5", "dialer.toml: timing: expected a table"),
        ("providers = []", "dialer.toml: providers: expected a table"),
        ('default_provider = "x"', None),
        ('[timing]\nheartbeat_seconds = 10', None),  # workers would be taken for dead between two beats
        ('[timing]\nabsent_seconds = inf', None),
        ('[timing]\nabsent_seconds = true', None),
        ('default_timezone = "Melbourne"', None),
        ('ignore_zones = "Indian/Cocos"', None),
        ('legal_hours = ["Mon-Fri|9-17"]', None),
        ('test_numbers = ["0278132035"]', None),
        ('database_url = "sqlite://"', None),  # in memory: every process would have its own
        ('database_url = "sqlite:///:memory:"', None),
        ('redis_url = "localhost:6379"', None),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_key(text: str, line: str | None) -> None:
    (said,) = refused(text)
    assert said.startswith("dialer.toml: ")
    assert line in {None, said}


@pytest.mark.parametrize(
    "key",
    [
        "channels = 0",
        "channels = 1.5",
        "calls_per_second = 0",
        "calls_per_second = nan",
        "deadline_seconds = -1",
        'caller_id = "0387772586"',
        'base_url = "inspra.example"',
        'base_url = "https://user:pass@inspra.example"',
        "workspaces = 5",
        "kind = 5",
        "send_block_rules = 7",
        "tokn = 1",
    ],
)
def test_a_mistake_in_an_account_names_the_account(key: str) -> None:
    lines = {"kind": 'kind = "inspra"', "base_url": 'base_url = "https://inspra.example"'} | {key.split(" ")[0]: key}
    said = refused("[providers.main]\n" + "\n".join(lines.values()))
    assert said[0].startswith(f"dialer.toml: providers.main.{key.split(' ')[0]}: ")


def test_a_key_of_another_kind_is_not_known() -> None:
    (said,) = refused('[providers.a]\nkind = "inspra"\nbase_url = "https://a.example"\nminimum_balance = 1')
    assert said.startswith("dialer.toml: providers.a.minimum_balance: is not a known key; known are: kind, base_url")


def test_an_account_is_named_by_small_letters_digits_and_underscores() -> None:
    (said,) = refused('[providers.Inspra-AU]\nkind = "inspra"\nbase_url = "https://a.example"')
    assert said == "dialer.toml: providers.Inspra-AU: expected an account name of a-z, 0-9 and _"


def test_every_mistake_is_said_at_once() -> None:
    assert len(refused("nbr = 1\nnumber_check = 2\n[timing]\nx = 1")) == 3


def test_a_mistyped_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_DATABSE_URL", "sqlite:///x.db")
    assert refused() == ["DIALER_DATABSE_URL: is not a known key; did you mean 'database_url'?"]


def test_a_wrong_value_in_a_variable_is_named_by_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_TIMING__ABSENT_SECONDS", "soon")
    (said,) = refused()
    assert said.startswith("DIALER_TIMING__ABSENT_SECONDS: expected a valid number")


def test_a_mistyped_account_in_a_variable_is_no_new_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_PROVIDERS__INSPRA_AUU__TOKEN", "x")
    assert (
        "DIALER_PROVIDERS__INSPRA_AUU__TOKEN sets a key of that account; did you mean the account 'inspra_au'?"
        in (refused(ACCOUNTS)[0])
    )


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="colour: is not a known key"):
        configured("", colour="red")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = ", "is not TOML: Invalid value (at "),
        ('a = "x"'.encode("utf-16"), "is not UTF-8 text"),
        (b'a = "\x00"', "is not TOML"),
        (b"a = " + b"[" * 100_000, "is n"),
    ],
)
def test_a_file_that_is_no_toml_is_said_in_one_line(content: bytes, words: str) -> None:
    Path("dialer.toml").write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        load_settings()
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_a_byte_order_mark_is_no_mistake() -> None:
    Path("dialer.toml").write_bytes(b'\xef\xbb\xbfnumber_check = "valid"')
    assert load_settings().number_check == "valid"


def test_a_relative_ledger_lies_beside_the_file_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "dialer.toml").write_text('database_url = "sqlite:///state/dialer.db?timeout=3"')
    settings = load_settings(tmp_path / "etc" / "dialer.toml")
    monkeypatch.chdir("/")
    assert settings.ledger_url() == f"sqlite:///{tmp_path}/etc/state/dialer.db?timeout=3"
    assert settings.state_directory() == tmp_path / "etc" / "state" / ".dialer"


def test_an_absolute_ledger_stays_where_it_is() -> None:
    settings = configured('database_url = "sqlite:////srv/dialer.db"')
    assert settings.ledger_url() == "sqlite:////srv/dialer.db"
    assert settings.state_directory() == Path("/srv/.dialer")


def test_with_postgresql_the_state_lies_beside_the_file(tmp_path: Path) -> None:
    settings = configured('database_url = "postgres://dialer@db/dialer"')
    assert settings.ledger_url() == "postgresql://dialer@db/dialer"
    assert settings.state_directory() == tmp_path / ".dialer"


def test_the_embedded_redis_is_found_where_it_was_recorded(tmp_path: Path) -> None:
    settings = configured("")
    with pytest.raises(RedisUnreachable, match="start `dialer up`"):
        settings.redis_address()
    (tmp_path / ".dialer").mkdir()
    record = tmp_path / ".dialer" / "redis.json"
    record.write_text(json.dumps({"url": "redis://127.0.0.1:4242/0", "pid": 1}))
    assert settings.redis_address() == "redis://127.0.0.1:4242/0"
    for broken in ("", "[]", '{"url": 5}', '{"url": "file:///etc/passwd"}'):
        record.write_text(broken)
        with pytest.raises(RedisUnreachable):
            settings.redis_address()


def test_a_redis_of_ones_own_is_taken_as_given() -> None:
    assert configured('redis_url = "rediss://:pw@redis:6380/3"').redis_address() == "rediss://:pw@redis:6380/3"


def test_a_single_account_is_the_default_one() -> None:
    one = '[providers.only]\nkind = "inspra"\nbase_url = "https://a.example"'
    assert configured(one).house_rules().default_provider == "only"
    assert configured(ACCOUNTS).house_rules().default_provider == ""


def test_numbers_are_kept_as_e164() -> None:
    assert configured('test_numbers = ["+61 (2) 7813-2035"]').house_rules().test_numbers == {"+61278132035"}


def test_settings_cannot_be_changed() -> None:
    settings = configured("")
    with pytest.raises(ValidationError, match="frozen"):
        settings.number_check = "valid"  # type: ignore[misc]


def test_a_fingerprint_changes_with_the_keys_and_with_nothing_else() -> None:
    accounts = configured(ACCOUNTS).accounts()
    again = configured(ACCOUNTS.replace("channels = 7", "channels = 9").replace("s3cret-hook", "hook")).accounts()
    assert {name: fingerprint(account) for name, account in accounts.items()} == {
        name: fingerprint(account) for name, account in again.items()
    }
    changed = configured(ACCOUNTS.replace("s3cret", "other")).accounts()
    assert all(fingerprint(account) != fingerprint(changed[name]) for name, account in accounts.items())
    assert all("s3cret" not in fingerprint(account) for account in accounts.values())


def test_the_sample_is_a_configuration_with_legal_hours_on() -> None:
    settings = configured(SAMPLE_TOML)
    assert settings.legal_hours == ("*|0800-2100",)
    assert settings.house_rules().default_provider == "inspra_au"


def test_the_samples_other_accounts_are_valid_once_filled_in() -> None:
    text = SAMPLE_TOML.replace("# [prov", "[prov").replace("# [timing", "[timing").replace("oc_live_…", "oc_live_1")
    text = "\n".join(
        line.removeprefix("# ") if line.startswith(tuple(f"# {key}" for key in COMMENTED)) else line
        for line in text.splitlines()
    )
    settings = configured(text.replace('api_key = ""', 'api_key = "k"').replace('api_secret = ""', 'api_secret = "s"'))
    assert sorted(settings.accounts()) == ["batch_call_us", "inspra_au", "outboundcalls"]


COMMENTED = (
    "kind",
    "base_url",
    "api_",
    "minimum_",
    "phone_number",
    "contact_",
    "absent_",
    "give_up_",
    "heartbeat_",
    "dead_",
)


def test_the_sample_is_written_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "dialer.toml"
    write_sample(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("mine")
    with pytest.raises(ConfigInvalid, match="exists already"):
        write_sample(path)
    assert path.read_text() == "mine"


def test_the_sample_does_not_follow_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "dialer.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigInvalid):
        write_sample(tmp_path / "dialer.toml")
    assert not (tmp_path / "elsewhere").exists()


def test_alarms_are_an_address_that_never_shows_and_a_program_with_its_arguments() -> None:
    text = 'alert_webhook = "https://hooks.example/T0/s3cret?key=s3cret"\nalert_command = ["/usr/bin/page", "--now"]'
    settings = configured(text)
    assert settings.alert_webhook.get_secret_value() == "https://hooks.example/T0/s3cret?key=s3cret"
    assert settings.alert_command == ("/usr/bin/page", "--now")
    assert "s3cret" not in repr(settings)
    assert configured("").alert_command == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('alert_webhook = "hooks.example/s3cret"', "expected http://… or https://… with a host, and without a login"),
        ('alert_webhook = "https://user:s3cret@hooks.example/"', "expected http://… or https://… with a host"),
        ('alert_webhook = "ftp://hooks.example/s3cret"', "expected http://… or https://… with a host"),
        ('alert_webhook = "https://hooks.example/a s3cret"', "expected http://… or https://… with a host"),
        ('alert_command = "mail -s alert root"', 'expected JSON such as ["a", "b"]'),
        ('alert_command = ["page-me"]', "expected a program by its full path and its arguments"),
        ('alert_command = ["/bin/page-me", ""]', "expected a program by its full path and its arguments"),
        ("alert_command = [1]", "expected a valid string"),
    ],
)
def test_an_alarm_that_could_not_be_told_is_refused_in_a_line(line: str, expected: str) -> None:
    [told] = refused(line)
    assert told.startswith(f"dialer.toml: {line.split()[0]}")
    assert expected in told
    assert "s3cret" not in told

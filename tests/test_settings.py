"""Where settings come from, which values are refused, and that secrets stay inside."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from wacampaign.problems import Misconfigured
from wacampaign.settings import Settings, load_settings
from wacampaign.settings.values import key_kind

KEY = "sb_secret_" + "k" * 20


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def jwt(role: str) -> str:
    parts = ({"alg": "HS256"}, {"role": role, "iss": "supabase"})
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*encoded, "signature"])


def load(file: str | None = None, **environ: str) -> Settings:
    if file is not None:
        Path(".env").write_text(file, encoding="utf-8")
    return load_settings(environ=environ)


def test_defaults() -> None:
    settings = load()
    assert settings.store == settings.require_store() == "embedded"
    assert settings.api_url == "https://graph.facebook.com"
    assert settings.api_version == "v25.0"
    assert settings.in_doubt_minutes == 10
    assert (settings.optout_words, settings.rest_hours) == ((), 24)
    assert settings.home.is_absolute()
    assert settings.home.name == "wacampaign"
    assert settings.env_file is None


def test_the_backends_env_file_works() -> None:
    before = dict(os.environ)
    settings = load(
        "# backend\nSUPABASE_URL=https://abc.supabase.co/\n"
        f'SUPABASE_SERVICE_KEY="{KEY}"\nexport META_ACCESS_TOKEN= token123 \n'
        "META_APP_SECRET='se${HOME}cret'\nMETA_WEBHOOK_VERIFY_TOKEN=word\nTZ=Asia/Kolkata\n"
    )
    assert settings.store == settings.require_store() == "supabase"
    assert settings.supabase_url == "https://abc.supabase.co"
    assert (settings.supabase_key, settings.access_token) == (KEY, "token123")
    assert settings.app_secrets == ("se${HOME}cret",)
    assert settings.env_file == Path(".env")
    assert dict(os.environ) == before


def test_a_flag_beats_the_environment_beats_the_file() -> None:
    Path(".env").write_text("WHATSAPP_API_VERSION=v1.0\nWHATSAPP_API_URL=http://file\n")
    environ = {"WHATSAPP_API_VERSION": "v2.0", "WHATSAPP_API_URL": "  "}
    settings = load_settings(environ=environ, api_version="v3.0", store=None)
    assert (settings.api_version, settings.api_url) == ("v3.0", "http://file")
    assert settings.sources == {"api_version": "flag", "api_url": ".env"}
    assert load_settings(environ=environ).api_version == "v2.0"


def test_the_key_has_three_names_and_the_nearer_source_wins() -> None:
    for name in ("SUPABASE_SERVICE_KEY", "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"):
        assert load(**{name: KEY}).supabase_key == KEY
    near = load("SUPABASE_SERVICE_KEY=far", SUPABASE_SECRET_KEY="near")
    assert near.supabase_key == "near"


def test_a_folder_in_the_place_of_env_is_not_as_if_there_was_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's mount makes one of a file that is not there: no other database is taken."""
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).env_file is None
    (tmp_path / ".env").mkdir()
    with pytest.raises(Misconfigured, match=r"^\.env is a folder$"):
        load_settings(environ={})
    (tmp_path / ".env").rmdir()
    (tmp_path / ".env").symlink_to("shared.env")
    with pytest.raises(Misconfigured, match=r"^\.env points to a file that does not exist$"):
        load_settings(environ={})
    with pytest.raises(Misconfigured, match="cannot be read: File name too long"):
        load_settings(tmp_path / ("x" * 300), environ={})


def test_env_file_by_name(tmp_path: Path) -> None:
    named = tmp_path / "other.env"
    named.write_bytes("\ufeffDATABASE_URL=postgresql://u:p@h:5432/d\n".encode())
    assert load_settings(named, environ={}).store == "postgres"
    with pytest.raises(Misconfigured, match=r"missing\.env, does not exist"):
        load_settings(tmp_path / "missing.env", environ={})
    with pytest.raises(Misconfigured, match="is a folder"):
        load_settings(tmp_path, environ={})
    named.write_bytes(b"A=\xff\n")
    with pytest.raises(Misconfigured, match="not UTF-8"):
        load_settings(named, environ={})


def test_a_file_that_is_too_large_for_settings_is_refused_before_it_is_parsed() -> None:
    line = b"META_ACCESS_TOKEN=EAAfictional\n"
    whole = line + b"#" * ((1 << 20) - len(line))
    Path(".env").write_bytes(whole)
    assert load_settings(environ={}).access_token == "EAAfictional"
    Path(".env").write_bytes(whole + b"#")
    with pytest.raises(Misconfigured, match=r"^\.env is larger than 1 MiB"):
        load_settings(environ={})
    with pytest.raises(Misconfigured, match=r"^/dev/zero is larger"):
        load_settings(Path("/dev/zero"), environ={})


def test_a_file_of_another_systems_lines_and_a_pipe_are_read() -> None:
    Path(".env").write_bytes(b'A=1\r\nMETA_ACCESS_TOKEN="EAAfictional"\r\n')
    assert load_settings(environ={}).access_token == "EAAfictional"
    read, write = os.pipe()
    os.write(write, b"META_ACCESS_TOKEN=EAAother\n")
    os.close(write)
    assert load_settings(Path(f"/dev/fd/{read}"), environ={}).access_token == "EAAother"
    os.close(read)


@pytest.mark.parametrize(
    ("environ", "store"),
    [
        ({"DATABASE_URL": "postgres://h/d", "SUPABASE_URL": "https://a.supabase.co"}, "postgres"),
        ({"SUPABASE_URL": "https://a.supabase.co"}, "supabase"),
        ({"DATABASE_URL": "postgres://h/d", "WACAMPAIGN_STORE": "Embedded"}, "embedded"),
    ],
)
def test_choice_of_the_store(environ: dict[str, str], store: str) -> None:
    assert load(**environ).store == store


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"WACAMPAIGN_STORE": "postgres"}, "DATABASE_URL is not set"),
        ({"WACAMPAIGN_STORE": "supabase"}, "SUPABASE_URL is not set"),
        ({"SUPABASE_URL": "https://a.supabase.co"}, "SUPABASE_SERVICE_KEY is not"),
    ],
)
def test_a_store_says_what_it_lacks(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(Misconfigured, match=missing):
        load(**environ).require_store()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WACAMPAIGN_STORE", "mysql", "postgres, supabase or embedded"),
        ("SUPABASE_URL", "abc.supabase.co", "starts with https://"),
        ("SUPABASE_URL", "https://supabase.com/dashboard/project/abc", "dashboard"),
        ("SUPABASE_URL", "https://user:hunter2@host", "plain URL"),
        ("SUPABASE_SERVICE_KEY", "sb_publishable_abc", "publishable key"),
        ("SUPABASE_SERVICE_ROLE_KEY", jwt("anon"), "role anon"),
        ("SUPABASE_SECRET_KEY", "two words", "white space"),
        ("DATABASE_URL", "https://a.supabase.co", "postgresql://"),
        ("DATABASE_URL", "postgresql://postgres:[YOUR-PASSWORD]@h/d", "placeholder"),
        ("DATABASE_URL", "postgresql://u:pa#ss/w@h:5432/d", "percent-encode"),
        ("WHATSAPP_API_URL", "ftp://x", "https://"),
        ("WHATSAPP_API_VERSION", "25", "v25.0"),
        ("META_ACCESS_TOKEN", "EAAhunter2\u00e9", "no key or token has"),
        ("META_APP_SECRET", "hunter2\nX: y", "no key or token has"),
        ("WACAMPAIGN_TEST_PHONE", "9000000001", "no phone number"),
        ("WACAMPAIGN_ALERT_URLS", "slack://a,hunter2", "commas"),
        ("WACAMPAIGN_IN_DOUBT_MINUTES", "soon", "must be minutes"),
        ("WACAMPAIGN_IN_DOUBT_MINUTES", "nan", "must be minutes"),
        ("WACAMPAIGN_IN_DOUBT_MINUTES", "0", "must be minutes"),
    ],
)
def test_a_bad_value_names_its_setting_and_not_itself(name: str, value: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message) as caught:
        load(**{name: value})
    assert caught.value.message.startswith(f"{name} (environment) ")
    assert "hunter2" not in caught.value.message
    assert caught.value.exit_code == 78


def test_an_unknown_override_is_a_bug() -> None:
    with pytest.raises(TypeError, match="colour"):
        load_settings(environ={}, colour="red")


def test_good_values_are_read() -> None:
    settings = load(
        WACAMPAIGN_HOME="~/wa",
        WACAMPAIGN_TEST_PHONE="+44 7700 900123",
        WACAMPAIGN_ALERT_URLS="slack://a/b/c, https://example.com/hook,",
        WACAMPAIGN_IN_DOUBT_MINUTES="0.5",
        WACAMPAIGN_OPTOUT_WORDS=" basta, रोकें ,",
        WACAMPAIGN_REST_HOURS="36",
        SUPABASE_URL="http://127.0.0.1:54321/rest/v1/",
        SUPABASE_SERVICE_KEY=f" {jwt('service_role')}\n",
    )
    assert settings.home == Path.home() / "wa"
    assert settings.test_phone == "447700900123"
    assert settings.alert_urls == ("slack://a/b/c", "https://example.com/hook")
    assert settings.in_doubt_minutes == 0.5
    assert (settings.optout_words, settings.rest_hours) == (("basta", "रोकें"), 36)
    assert settings.supabase_url == "http://127.0.0.1:54321"
    assert settings.supabase_key == jwt("service_role")


def test_a_version_in_the_api_url_is_taken_not_doubled() -> None:
    settings = load(WHATSAPP_API_URL="https://graph.facebook.com/v24.0/")
    assert (settings.api_url, settings.api_version) == ("https://graph.facebook.com", "v24.0")
    # The address is the more exact of the two; only a flag beats it.
    both = {"WHATSAPP_API_URL": "http://127.0.0.1:8080/v24.0", "WHATSAPP_API_VERSION": "v25.0"}
    settings = load(**both)
    assert (settings.api_url, settings.api_version) == ("http://127.0.0.1:8080", "v24.0")
    assert load_settings(environ=both, api_version="v26.0").api_version == "v26.0"


def test_kinds_of_keys() -> None:
    kinds = [key_kind(key) for key in (KEY, jwt("service_role"), "abc", "eyJ.e.x")]
    assert kinds == ["secret key", "service_role JWT", "key of unknown kind", "key of unknown kind"]


def test_secrets_are_neither_in_repr_nor_described() -> None:
    settings = load(
        DATABASE_URL="postgresql://boss:hunter2@db.example.com:5432/app?password=hunter2",
        SUPABASE_SERVICE_KEY=KEY,
        META_ACCESS_TOKEN="EAAhunter2",
        META_APP_SECRET="hunter2",
        META_WEBHOOK_VERIFY_TOKEN="hunter2",
        WACAMPAIGN_TEST_PHONE="447700900123",
        WACAMPAIGN_ALERT_URLS="slack://hunter2/b",
    )
    described = settings.describe()
    for text in (repr(settings), str(described)):
        assert not any(secret in text for secret in ("hunter2", KEY, "447700900123"))
    shown = {line.name: (line.value, line.source) for line in described}
    assert shown["DATABASE_URL"] == ("postgresql://boss:***@db.example.com:5432/app", "environment")
    assert shown["SUPABASE_SERVICE_KEY"][0] == "secret key, set (30 characters)"
    assert shown["WACAMPAIGN_TEST_PHONE"][0] == "+44***0123"
    assert shown["SUPABASE_URL"] == ("not set", "default")
    assert shown["WHATSAPP_API_VERSION"] == ("v25.0", "default")


def test_env_example_has_every_setting_and_loads() -> None:
    example = Path(__file__).parent.parent / ".env.example"
    settings = load_settings(example, environ={})
    assert settings.require_store() == "embedded"
    text = example.read_text(encoding="utf-8")
    assert all(line.name in text for line in settings.describe())


@pytest.mark.parametrize(
    "around", ["{}\n", "\t{}", "\u00a0{}", "{}\u200b", "\ufeff{}", "{}\u00ad", "\u202a{}\u202c"]
)
def test_a_token_that_was_pasted_works(around: str, tmp_path: Path) -> None:
    secrets = {"META_ACCESS_TOKEN": "EAAhunter2", "SUPABASE_SERVICE_KEY": "sb_secret_hunter2"}
    file = tmp_path / "pasted.env"
    file.write_text("".join(f'{k}="{around.format(v)}"\n' for k, v in secrets.items()), "utf-8")
    for environ, env_file in (
        ({name: around.format(value) for name, value in secrets.items()}, None),
        ({}, file),
    ):
        settings = load_settings(env_file, environ=environ)
        assert settings.access_token == "EAAhunter2"
        assert settings.supabase_key == "sb_secret_hunter2"


def test_a_folder_that_is_gone_is_not_one_without_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(Misconfigured, match="the working directory is gone"):
        load_settings(environ={"DATABASE_URL": "postgresql://u@h/d"})

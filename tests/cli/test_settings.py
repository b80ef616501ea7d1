from pathlib import Path

import pytest

from sternway.cli import errors
from sternway.cli.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    racks = tmp_path / "config" / "racks"
    racks.mkdir(parents=True)
    for name in ("flag", "variable", "beside", "chosen", "current"):
        (racks / name).write_text(f"https://u:p@{name}.example\n")
    return tmp_path / "config"


def settings(tmp_path: Path, **environ: str) -> Settings:
    directory = tmp_path / "shop"
    directory.mkdir(exist_ok=True)
    return Settings({"CONVOX_CONFIG": str(tmp_path / "config"), **environ}, directory)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_racks_are_chosen_in_the_documented_order(tmp_path: Path, home: Path) -> None:
    def chosen(flag: str | None = None, **environ: str) -> str:
        return settings(tmp_path, **environ).rack_url(flag)

    write(home / "current", '{"name": "current", "type": "x"}')
    assert chosen() == "https://u:p@current.example"
    write(home / "rack", "chosen\n")
    assert chosen() == "https://u:p@chosen.example"
    write(tmp_path / "shop" / ".convox" / "rack", "beside\n")
    assert chosen() == "https://u:p@beside.example"
    assert chosen(CONVOX_RACK="variable") == "https://u:p@variable.example"
    assert chosen("flag", CONVOX_RACK="variable") == "https://u:p@flag.example"
    assert chosen("flag", CONVOX_RACK="variable", RACK_URL="http://x") == "http://x"


def test_without_any_rack_the_hint_says_how_to_choose(tmp_path: Path) -> None:
    with pytest.raises(errors.CommandFailed, match="no rack is chosen") as failed:
        settings(tmp_path).rack_url(None)
    assert "RACK_URL" in failed.value.hint
    assert not settings(tmp_path).has_rack(None)


@pytest.mark.parametrize("name", ["absent", "../secret", ".."])
def test_unknown_rack_is_not_found(tmp_path: Path, home: Path, name: str) -> None:
    (home / "secret").write_text("https://x")
    with pytest.raises(errors.CommandFailed, match="rack not found") as failed:
        settings(tmp_path).rack_url(name)
    assert failed.value.exit_code == 3


def test_apps_are_chosen_by_flag_then_file_then_folder(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    assert chosen.app(None) == "shop"
    write(tmp_path / "shop" / ".convox" / "app", "stock\n")
    assert chosen.app(None) == "stock"
    write(tmp_path / "shop" / ".sternway" / "app", "ours\n")
    assert chosen.app(None) == "ours"
    assert chosen.app("flag") == "flag"


def test_folders_of_both_programs_are_read_ours_first(tmp_path: Path) -> None:
    chosen = Settings({"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    write(tmp_path / "convox" / "racks" / "dev", "https://stock.example")
    assert chosen.rack_url("dev") == "https://stock.example"
    write(tmp_path / "sternway" / "racks" / "dev", "https://ours.example")
    assert chosen.rack_url("dev") == "https://ours.example"
    assert chosen.racks() == {"dev": "https://ours.example"}


def test_switch_makes_a_saved_rack_the_chosen_one(tmp_path: Path, home: Path) -> None:
    settings(tmp_path).switch("chosen")
    assert settings(tmp_path).rack_name(None) == "chosen"
    with pytest.raises(errors.CommandFailed, match="rack not found"):
        settings(tmp_path).switch("absent")


def test_damaged_settings_are_an_error_and_not_no_rack(tmp_path: Path, home: Path) -> None:
    write(home / "current", "{")
    with pytest.raises(errors.CommandFailed, match="current"):
        settings(tmp_path).rack_url(None)


def test_deploy_key_comes_after_rack_url_and_before_names(tmp_path: Path, home: Path) -> None:
    key = {"CONVOX_HOST": "console.example", "CONVOX_PASSWORD": "key", "CONVOX_RACK": "org/prod"}
    chosen = settings(tmp_path, **key)
    assert chosen.rack_url(None) == "https://convox:key@console.example"
    assert (chosen.rack_header(None), chosen.rack_header("org/dev"), chosen.has_rack(None)) == (
        "org/prod",
        "org/dev",
        True,
    )
    chosen = settings(tmp_path, RACK_URL="http://x", **key)
    assert (chosen.rack_url(None), chosen.rack_header(None)) == ("http://x", None)
    chosen = settings(tmp_path, CONVOX_HOST="console.example")
    assert (chosen.has_rack(None), chosen.rack_header("x")) == (False, None)


def test_host_of_a_deploy_key_may_be_a_url(tmp_path: Path) -> None:
    chosen = settings(tmp_path, CONVOX_HOST="http://rack:old@127.0.0.1:5443/inner", CONVOX_PASSWORD="key")
    assert chosen.rack_url(None) == "http://rack:key@127.0.0.1:5443/inner"


def test_settings_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    with pytest.raises(errors.CommandFailed, match="cannot write"):
        settings(tmp_path).save("dev", "https://x")

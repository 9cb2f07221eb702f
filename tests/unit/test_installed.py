"""Which Medusa server the project around us has installed."""

from __future__ import annotations

import json

import pytest

from ledgers import v
from medusa_migrations.contract.errors import UsageError
from medusa_project.packages import installed

NPM_3 = json.dumps({"packages": {"node_modules/@medusajs/medusa": {"version": "1.12.3"}}})
NPM_1 = json.dumps({"dependencies": {"@medusajs/medusa": {"version": "1.12.3"}}})
YARN_1 = """\
"@medusajs/medusa-cli@^1.3.0":
  version "1.3.22"

"@medusajs/medusa@^1.12.0", "@medusajs/medusa@^1.12.3":
  version "1.12.3"
  dependencies:
    "@medusajs/medusa-cli" "^1.3.0"
"""
YARN_BERRY = """\
"@medusajs/medusa@npm:^1.12.0":
  dependencies: []
  version: 1.12.3
"""
PNPM_9 = """\
packages:

  '@medusajs/medusa-cli@1.3.22':
    resolution: {integrity: none}

  '@medusajs/medusa@1.12.3(typeorm@0.3.16)':
    resolution: {integrity: none}
"""
PNPM_5 = """\
packages:

  /@medusajs/medusa/1.12.3_typeorm@0.3.16:
    dev: false
"""
BUN = """\
    "@medusajs/medusa-cli": ["@medusajs/medusa-cli@1.3.22", "", {}, "sha512-none"],
    "@medusajs/medusa": ["@medusajs/medusa@1.12.3", "", { "dependencies": {} }, "sha512-none"],
"""


def write(folder, name, text):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("node_modules/@medusajs/medusa/package.json", '{"version": "1.12.3"}', id="package"),
        pytest.param("package-lock.json", NPM_3, id="npm-3"),
        pytest.param("package-lock.json", NPM_1, id="npm-1"),
        pytest.param("npm-shrinkwrap.json", NPM_3, id="shrinkwrap"),
        pytest.param("yarn.lock", YARN_1, id="yarn-1"),
        pytest.param("yarn.lock", YARN_BERRY, id="yarn-berry"),
        pytest.param("pnpm-lock.yaml", PNPM_9, id="pnpm-9"),
        pytest.param("pnpm-lock.yaml", PNPM_5, id="pnpm-5"),
        pytest.param("bun.lock", BUN, id="bun"),
    ],
)  # fmt: skip
def test_the_version_is_read_from_a_folder_below_the_project(tmp_path, name, text):
    file = write(tmp_path, name, text)
    below = tmp_path / "src" / "admin"
    below.mkdir(parents=True)

    assert installed.find(below) == installed.Installed(v("1.12.3"), file)


def test_what_is_installed_counts_before_what_is_locked(tmp_path):
    write(tmp_path, "package-lock.json", NPM_3)
    package = write(tmp_path, "node_modules/@medusajs/medusa/package.json", '{"version": "1.20.2"}')

    assert installed.find(tmp_path) == installed.Installed(v("1.20.2"), package)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"packages": []}', '{"packages": {"": {"name": "shop"}}}', "null"]
)
def test_a_project_without_medusa_says_nothing(tmp_path, text):
    if text:
        write(tmp_path, "package-lock.json", text)
    write(tmp_path, "yarn.lock", '"@medusajs/medusa-js@^1.0.0":\n  version "1.3.9"\n')

    assert installed.find(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("package-lock.json", '{"pack', "cannot be read", id="broken"),
        pytest.param("package-lock.json", NPM_3.replace("1.12.3", "1.12.3-rc.1"),
                     "'1.12.3-rc.1', which is no released version", id="pre-release"),
        pytest.param("yarn.lock", YARN_1 + YARN_1.replace("1.12", "1.20"),
                     "locks several versions of @medusajs/medusa: 1.12.3, 1.20.3", id="two"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_tell_is_named(tmp_path, name, text, says):
    file = write(tmp_path, name, text)

    with pytest.raises(UsageError) as refused:
        installed.find(tmp_path)

    assert str(refused.value).startswith(str(file))
    assert says in str(refused.value)

from __future__ import annotations

import pytest

from medusa_project.fence.output import cause

NODE = (
    "node:os:68",
    "    throw new ERR_SYSTEM_ERROR(ctx);",
    "    ^",
    "SystemError [ERR_SYSTEM_ERROR]: A system error occurred: uv_os_homedir returned ENOENT",
    "    at Object.<anonymous> (/server/node_modules/x/index.js:1:1) {",
    "  code: 'ERR_SYSTEM_ERROR'",
    "}",
    "Node.js v20.20.2",
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (NODE, NODE[3]),
        (
            ("Error: Cannot find module 'x'", "Require stack:", "- /a"),
            "Error: Cannot find module 'x'",
        ),
        (
            ("error:   Could not load medusa-config.js", "Node.js v20"),
            "error:   Could not load medusa-config.js",
        ),
        (
            (
                '{"level":"info","message":"redisUrl not found"}',
                '{"level":"error","message":"Error: Cannot find \\"x\\"\\nRequire stack:\\n- /a, and so o',
                "}",
            ),
            'Error: Cannot find "x"',
        ),
        (('{"level":"error","message":"No luck"}', "}"), "error: No luck"),
        (("Killed",), "Killed"),
        ((), ""),
    ],
)
def test_the_line_that_names_an_error_is_the_cause(lines: tuple[str, ...], expected: str) -> None:
    assert cause(lines) == expected

"""Handles made from titles are those that the installed server makes."""

# ruff: noqa: RUF001 - the letters that look like others are the ones to get wrong

from __future__ import annotations

import json
import shutil
import subprocess
from random import Random
from typing import TYPE_CHECKING

from medusa_seed.document import handles
from medusa_seed_documents import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_testbed.medusa.server import Shop

PARTS = (
    *TEXTS,
    *"aZß9 ._-/'’&+×·\t\n",
    *("1st", "2ND", "3rd", "4TH", "11th", "don't", "O’Neil'S", "XMLHttp", "iPhone15Pro", "ABCdef"),
    *("ÀÉÎ", "ŁÓDŹ", "Straße", "İı", "ŉ", "ǅ", "ﬁ", "Ω", "Привет", "ΑΒγδ", "日本", "カナ", "٣٤", "१२"),
    *("👕", "👨‍👩‍👧", "🇩🇪", "👍🏽", "☂", "✂️", "𝒜𝒷", "e\u0301", "\u200d", "\u00a0", "\u2003", "\ufeff"),
    *("€", "½", "²", "ª", "º", "—", "“quoted”", "…", "\u2028", "\u0300", "𐐀", "\u180e"),
)  # fmt: skip


def titles(count: int) -> list[str]:
    random = Random("titles")
    return ["".join(random.choices(PARTS, k=random.randint(1, 6))) for _ in range(count)]


def lodash(shop: Shop, texts: list[str]) -> list[str]:
    node = shutil.which("node")
    assert node is not None
    program = """
        const { kebabCase } = require("lodash")
        const texts = JSON.parse(require("fs").readFileSync(0, "utf8"))
        process.stdout.write(JSON.stringify(texts.map(text => kebabCase(text))))
    """
    done = subprocess.run(
        [node, "-e", program],
        cwd=shop.folder, input=json.dumps(texts), capture_output=True, text=True, check=True,
    )  # fmt: skip
    made: list[str] = json.loads(done.stdout)
    return made


def test_handles_are_those_of_the_server(shop_of: Callable[[str], Shop]) -> None:
    texts = titles(5000)

    ours = [handles.from_title(text) for text in texts]

    theirs = lodash(shop_of("1.20.11"), texts)
    different = [
        f"{text!r}: {one!r} (Medusa's), {other!r} (ours)"
        for text, one, other in zip(texts, theirs, ours, strict=True)
        if one != other
    ]
    assert not different, "\n".join(different[:20])

"""A process that ends by a defect says where."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from medusa_operator.process.replica import _together


async def fails():
    await asyncio.sleep(0)
    raise ZeroDivisionError


def test_what_ended_a_process_is_raised_with_its_frames():
    with pytest.raises(ZeroDivisionError) as raised:
        asyncio.run(_together(asyncio.sleep(60), _together(asyncio.sleep(60), fails())))

    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "fails"

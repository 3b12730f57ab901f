"""A device is what a person calls it, or a refusal that says what there is."""

from __future__ import annotations

import pytest
import torch

from models.errors import DeviceError
from models.inference.device import device_named


@pytest.mark.parametrize("name", ["gpu", "", "cpu:0", "CUDA", "cuda:", "cuda:-1", "cuda:first", "meta", "cuda:\u0661"])
def test_what_is_no_name_of_a_device_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match=r"device-unknown.*accepted=cpu"):
        device_named(name)


def test_what_is_not_there_is_refused_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:0"):
        with pytest.raises(DeviceError, match=r"device-absent.*accepted=cpu remedy="):
            device_named(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_named("cuda") == torch.device("cuda")
    assert device_named("cuda:1") == torch.device("cuda", 1)
    assert device_named("cpu") == torch.device("cpu")
    with pytest.raises(DeviceError, match=r"device-absent found=cuda:2 accepted=cpu, cuda:0, cuda:1"):
        device_named("cuda:2")

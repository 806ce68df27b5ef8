"""Keeps what is loaded out of garbage collection: each training run collects several times."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def loaded_objects_stay():
    gc.collect()
    gc.freeze()

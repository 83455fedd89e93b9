"""What the user prefers, kept by napari's own Preferences."""

import gc
import weakref

import pytest
from napari.components import ViewerModel
from napari.settings import get_plugin_settings
from npe2 import PluginManifest

from napari_drr import Recipe, session
from napari_drr.viewer._preferences import CATEGORY, PLUGIN, Preferences, preferences


@pytest.fixture
def manifest():
    return PluginManifest.from_distribution(PLUGIN)


@pytest.fixture
def settings(plugin_settings, npe2pm, manifest):
    """Our settings, in a file of this test's."""
    npe2pm.register(manifest)
    return get_plugin_settings(PLUGIN).drr_rendering


def test_without_settings_the_defaults_stand(plugin_settings):
    assert preferences() == Preferences()
    assert preferences().recipe() == Recipe()
    s = session(ViewerModel())
    assert s.recipe == Recipe()
    s.close()


def test_the_manifests_defaults_and_ours_are_the_same(settings, manifest):
    assert preferences() == Preferences()
    declared = manifest.contributions.configurations[CATEGORY].properties
    assert list(declared) == list(Preferences.__dataclass_fields__)


@pytest.mark.parametrize("name", ["backend", "device", "view", "attenuation"])
def test_every_choice_that_napari_offers_is_one(settings, manifest, name):
    for choice in manifest.contributions.configurations[CATEGORY].properties[name].enum:
        setattr(settings, name, choice)
        assert getattr(preferences(), name) == choice
        assert preferences().recipe() is not None


def test_a_new_session_begins_as_preferred(settings):
    old = session(ViewerModel())
    settings.backend = "reference"
    settings.device = "cpu"
    settings.view = "left lateral"
    settings.distance = 700.0
    settings.attenuation = "relative"
    new = session(ViewerModel())
    assert new.renderer.backend == "reference"
    assert (new.device, old.device) == ("cpu", "auto")
    assert (new.orientation, new.pose.alpha_deg, new.pose.y) == ("PA", 90.0, -700.0)
    assert new.attenuation.kind == "relative"
    assert not new.can_undo
    assert old.recipe == Recipe()
    for s in (old, new):
        s.close()


def test_the_time_for_previews_changes_at_once(settings):
    s = session(ViewerModel())
    assert s._rendering.pace.budget is None
    settings.preview_ms = 20
    assert s._rendering.pace.target == 0.02
    settings.preview_ms = 0
    assert s._rendering.pace.budget is None
    s.close()


def test_settings_hold_no_session(settings):
    viewer = ViewerModel()
    s = session(viewer)
    gone = weakref.ref(s._rendering)
    s.close()
    del s, viewer
    gc.collect()
    assert gone() is None
    settings.preview_ms = 20


def test_what_napari_keeps_is_checked(settings):
    for name, value in (("view", "oblique"), ("distance", -3.0), ("preview_ms", 99_999)):
        with pytest.raises(ValueError, match=name):
            setattr(settings, name, value)


def test_what_a_hand_wrote_wrong_is_left_out(plugin_settings, npe2pm, manifest, tmp_path):
    path = tmp_path / "napari-drr.yaml"
    path.write_text("drr_rendering:\n  view: oblique\n  attenuation: relative\n")
    npe2pm.register(manifest)
    assert preferences() == Preferences(attenuation="relative")


def test_values_of_another_version_are_left_out(settings, caplog):
    # Past the checks of napari, which knows this version's manifest only.
    settings.__dict__ |= {"view": "oblique", "distance": "far", "attenuation": "relative"}
    assert preferences() == Preferences(attenuation="relative")
    assert "'oblique'" in caplog.text


def test_they_are_kept_in_a_file_of_their_own(settings):
    settings.view = "PA"
    path = get_plugin_settings(PLUGIN).config_path
    assert path.name == "napari-drr.yaml"
    assert "view: PA" in path.read_text()


def test_the_environment_sets_them_and_other_variables_do_not(
    plugin_settings, npe2pm, manifest, monkeypatch
):
    monkeypatch.setenv("NAPARI_DRR_RENDERING_BACKEND", "cpu")
    monkeypatch.setenv("NAPARI_DRR_DATA", "somewhere")
    monkeypatch.setenv("NAPARI_RENDERING_VIEW", "PA")
    npe2pm.register(manifest)
    assert preferences() == Preferences(backend="cpu")

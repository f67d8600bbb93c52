"""The figures: what is drawn is what was computed, bad input says so, and the style is one."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color

from helpers import diagnosis, figures, palette
from helpers.critical_points import find_critical_points
from helpers.explorers.explorer import look
from helpers.landscapes import GALLERY, landscape, styblinski_tang
from helpers.optimizers import RULES, descend
from helpers.saddles import ESCAPE


@pytest.fixture
def ax():
    fig, ax = figures.subplots("square")
    yield ax
    plt.close(fig)


EVERY = RULES | ESCAPE
TWO = [name for name, land in GALLERY.items() if land.d == 2]
ONE = [name for name, land in GALLERY.items() if land.d == 1]


def texts(ax):
    return {text.get_text(): text for text in ax.texts}


@pytest.mark.parametrize("name", TWO)
def test_levels_show_every_landscape(ax, name):
    land = landscape(name)
    filled, lines = figures.landscape(ax, land)
    assert (np.diff(filled.levels) > 0).all() and len(filled.levels) == figures.BANDS + 1
    loss = land.loss(land.grid())
    shares = np.histogram(loss, filled.levels)[0] / loss.size
    assert shares.max() < 0.35, "one shade covers more than a third of the picture"
    assert np.allclose(lines.levels, filled.levels[1:-1])


@pytest.mark.parametrize("name", TWO)
def test_critical_points_lie_where_the_gradient_vanishes(ax, name):
    land = landscape(name)
    figures.landscape(ax, land)
    artists = figures.critical_points(ax, find_critical_points(land))
    for kind in figures.GLYPH.keys() & artists.keys():
        drawn = np.asarray(artists[kind].get_offsets())
        assert np.abs(land.gradient(drawn)).max() < 1e-6
        assert kind in texts(ax)
    if name == "worst network":
        assert "valley of minima" in texts(ax)
        assert np.abs(land.loss(np.transpose(artists["valley of minima"].get_data()))).max() < 1e-12


@pytest.mark.parametrize("name", ONE)
def test_curves_and_their_critical_points(ax, name):
    land = landscape(name)
    x, loss = figures.curve(ax, land).get_data()
    assert np.allclose(loss, land.loss(x[:, None]))
    for kind, glyphs in figures.critical_points(ax, find_critical_points(land)).items():
        for u, v in glyphs.get_offsets():
            assert v == pytest.approx(land.loss([u]).item()), kind


def boxes(ax):
    ax.figure.canvas.draw()
    return {name: text.get_window_extent() for name, text in texts(ax).items()}


@pytest.mark.parametrize("name", [*TWO, *ONE])
def test_labels_keep_apart(ax, name):
    land = landscape(name)
    (figures.landscape if land.d == 2 else figures.curve)(ax, land)
    figures.critical_points(ax, find_critical_points(land))
    found = list(boxes(ax).values())
    for k, box in enumerate(found):
        for other in found[:k]:
            assert figures._overlap(box.extents, other.extents) == 0
        inside = figures._overlap(box.extents, ax.get_window_extent().extents)
        assert inside > 0.6 * box.width * box.height


def test_each_kind_has_its_own_glyph_and_colour():
    assert figures.GLYPH.keys() == palette.KIND.keys()
    assert len({glyph["marker"] for glyph in figures.GLYPH.values()}) == len(figures.GLYPH)


def test_each_rule_has_its_own_colour_and_dash():
    noise = {"minibatch", "SGD", "thermal", "turned round"}  # kinds of noise: no rules of their own
    assert palette.LOOK.keys() == palette.RULE.keys() == EVERY.keys() | noise
    for together in (RULES, ESCAPE):  # rules that meet in one figure
        assert len({figures.DASH[name] for name in together}) == len(together)
        assert len({figures.RULE[name] for name in together}) == len(together)
    assert len(set(palette.LOOK.values())) == len(palette.LOOK)


@pytest.mark.parametrize("name", EVERY)
def test_figures_and_explorers_dash_a_rule_alike(name):
    assert tuple(look(EVERY[name])["dash"]) == figures.DASH[name]


@pytest.mark.parametrize("name", RULES)
def test_path_is_the_run(ax, name):
    run = descend("worst network", [1.7, -1.2], name, steps=20, η=0.02)
    (line,) = figures.path(ax, run)
    assert np.array_equal(np.transpose(line.get_data()), run.θ)
    assert same_color(line.get_color(), palette.RULE[name][0])


def test_path_of_many_starts_and_of_one_parameter(ax):
    many = descend("saddle", np.ones((3, 2)), steps=5)
    assert len(figures.path(ax, many)) == 3
    land = landscape("risk")
    known = descend(land, [0.2], steps=30, η=0.02)
    (line,) = figures.path(ax, known)
    assert np.allclose(line.get_ydata(), known.loss)
    unknown = descend(land.gradient, [0.2], steps=30, η=0.02)
    (line,) = figures.path(ax, unknown, land)
    assert np.allclose(line.get_ydata(), known.loss)


def test_loss_curves_are_labelled_where_they_end(ax):
    rules = ("gradient descent", "momentum")
    runs = [descend("worst network", [1.7, -1.2], name, steps=50, η=0.02) for name in rules]
    lines = figures.loss_curves(ax, runs)
    assert [line.get_label() for line in lines] == ["GD", "Momentum"] and set(texts(ax)) == {"GD", "Momentum"}
    for line, run in zip(lines, runs, strict=True):
        assert np.array_equal(line.get_ydata(), run.loss)
        assert texts(ax)[run.rule.label].xy == (50, run.loss[-1])


def test_loss_curves_of_a_loss_that_reaches_zero(ax):
    run = descend("ravine", [1.0, 0.0], steps=3, η=1.0)
    (line,) = figures.loss_curves(ax, run)
    assert run.loss[-1] == 0 and np.isnan(line.get_ydata()[-1])
    assert np.isfinite(texts(ax)["GD"].xy).all()


def test_quadratic_model_touches_the_loss(ax):
    land = landscape("tilted double well")
    line = figures.quadratic_model(ax, land, 0.3, reach=0.2)
    x, model = line.get_data()
    assert np.abs(model - land.loss(x[:, None]))[len(x) // 2] < 1e-12
    assert np.abs(model - land.loss(x[:, None])).max() < 0.2**3
    ravine = landscape("ravine")
    contours = figures.quadratic_model(ax, ravine, [0.5, 0.5])
    for level, paths in zip(contours.levels, contours.allsegs, strict=True):
        for points in paths:
            assert np.allclose(ravine.loss(points), level, rtol=0.02), "a quadratic is its own model"


def test_eigenvectors_of_the_worst_network(ax):
    arrows = figures.eigenvectors(ax, landscape("worst network"), [0.0, 0.0])
    directions = [np.subtract(arrow.xy, arrow.xyann) for arrow in arrows]
    assert np.allclose(np.abs(directions[0]), np.abs(directions[0])[0]) and directions[0].prod() > 0
    assert directions[1].prod() < 0 and abs(directions[0] @ directions[1]) < 1e-12
    assert {"λ = −2", "λ = 2"} <= set(texts(ax))


def test_surface():
    fig, ax = figures.subplots("square", subplot_kw={"projection": "3d"})
    assert figures.surface(ax, landscape("saddle")) in ax.collections
    plt.close(fig)


@pytest.mark.parametrize(("draw", "sentence"), [
    (lambda ax: figures.landscape(ax, landscape("risk")), "two parameters"),
    (lambda ax: figures.surface(ax, landscape("risk")), "two parameters"),
    (lambda ax: figures.curve(ax, landscape("saddle")), "one parameter"),
    (lambda ax: figures.quadratic_model(ax, styblinski_tang(3), [0, 0, 0]), "one or two"),
    (lambda ax: figures.quadratic_model(ax, landscape("saddle"), [0, np.nan]), "finite"),
    (lambda ax: figures.eigenvectors(ax, landscape("risk"), [0]), "two parameters"),
    (lambda ax: figures.path(ax, descend(styblinski_tang(3), [0, 0, 0.0], steps=1)), "one or two"),
    (lambda ax: figures.path(ax, descend(lambda x: x, [1.0], steps=1)), "give the landscape"),
    (lambda ax: figures.loss_curves(ax, descend(lambda x: x, [1.0], steps=1)), "Landscape"),
    (lambda ax: figures.levels([1.0, np.inf]), "finite"),
    (lambda ax: figures.size("huge"), "'wide'"),
    (lambda ax: figures.colour("pink"), "'saddle'"),
])
def test_bad_input_is_told(ax, draw, sentence):
    with pytest.raises(ValueError, match=sentence):
        draw(ax)


def test_style_is_transparent_and_fits_the_column():
    assert matplotlib.rcParams["figure.facecolor"] == matplotlib.rcParams["axes.facecolor"] == "none"
    assert matplotlib.rcParams["savefig.transparent"]
    assert all(width <= 7 for width, height in figures.SIZES.values())
    drawing = figures.figure("pair")
    assert tuple(drawing.get_size_inches()) == figures.SIZES["pair"]
    plt.close(drawing)


def test_the_decision_tree_asks_what_the_diagnosis_decides_by():
    fig, ax = figures.subplots("tall")
    found = figures.decision_tree(ax)
    verdicts = [text.get_text().replace("\n", " ") for text in found]
    assert verdicts[-1] == "undecided" and set(verdicts) == set(diagnosis.VERDICTS)
    written = texts(ax)
    assert f"noise > {diagnosis.NOISE} and rises > {diagnosis.RISES}" in written
    assert f"layers < 1/{diagnosis.LAYERS}" in written
    chapters = [text.get_text() for text in ax.texts if text.get_text().startswith("chapter")]
    assert chapters == [f"chapter {diagnosis.VERDICTS[verdict][0]}" for verdict in verdicts]
    fig.draw_without_rendering()
    frame = fig.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    for text, patch in zip(found, ax.patches, strict=True):
        inside, outside = text.get_window_extent(), patch.get_window_extent()
        assert outside.x0 < inside.x0 and inside.x1 < outside.x1 and inside.y1 < outside.y1
    plt.close(fig)

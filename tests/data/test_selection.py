from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ppattack.data import selection
from ppattack.data.selection import Candidates, Counted, Pixels, centre, select
from ppattack.data.source import ImageRequest, content_hashes
from ppattack.errors import ConfigError, DataError
from ppattack.plugins import registry
from tests.support.image_files import noise


def images(*seeds: int, shape: tuple[int, ...] = (8, 8, 3)) -> list[tuple[str, Pixels]]:
    return [(f"image {seed}", noise(*shape, seed=seed)) for seed in seeds]


@settings(deadline=None, max_examples=60)
@given(
    ours=st.lists(st.integers(0, 30), max_size=20),
    theirs=st.lists(st.integers(0, 30), max_size=20),
    victims=st.integers(0, 8),
    adversary=st.integers(0, 8),
)
def test_no_content_is_taken_twice(
    ours: list[int], theirs: list[int], victims: int, adversary: int
) -> None:
    if victims + adversary == 0:
        return
    request = ImageRequest(victims, adversary, None)
    wanted = list(dict.fromkeys(ours))[:victims]
    rest = [seed for seed in dict.fromkeys(theirs) if seed not in wanted][:adversary]
    if len(wanted) < victims or not wanted + rest:
        with pytest.raises(DataError, match="holds"):
            select("made", request, images(*ours), images(*theirs))
        return
    sets = select("made", request, images(*ours), images(*theirs))
    for found, seeds in ((sets.victims, wanted), (sets.adversary, rest)):
        expected = np.array([noise(8, 8, 3, seed=s) for s in seeds], np.uint8).reshape(-1, 8, 8, 3)
        assert torch.equal(found, torch.from_numpy(expected).permute(0, 3, 1, 2))
    assert not set(content_hashes(sets.victims)) & set(content_hashes(sets.adversary))
    assert any("there are no more" in note for note in sets.notes) == (len(rest) < adversary)


@settings(deadline=None, max_examples=60)
@given(
    ours=st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcd")), min_size=1, max_size=15),
    theirs=st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcde")), max_size=15),
    size=st.sampled_from([None, 5]),
)
def test_labels_stay_with_their_images(
    ours: list[tuple[int, str]], theirs: list[tuple[int, str]], size: int | None
) -> None:
    """The first of equal images is taken, with its own class."""
    category: dict[int, str] = {}
    for seed, name in [*ours, *theirs]:
        category.setdefault(seed, name)
    wanted = list(dict.fromkeys(seed for seed, _ in ours))
    rest = [seed for seed in dict.fromkeys(seed for seed, _ in theirs) if seed not in wanted]

    def candidates(side: list[tuple[int, str]]) -> Candidates:
        return [(str(seed), noise(8, 8, 3, seed=seed), name) for seed, name in side]

    sets = select("made", ImageRequest(len(wanted), 9, size), candidates(ours), candidates(theirs))
    rest = rest[:9]
    assert sets.classes == tuple(sorted({category[seed] for seed in [*wanted, *rest]}))
    for labels, seeds in ((sets.victim_labels, wanted), (sets.adversary_labels, rest)):
        assert labels is not None
        assert labels.dtype == torch.int64
        assert [sets.classes[label] for label in labels] == [category[seed] for seed in seeds]


@pytest.mark.parametrize("without", [0, 1, 3])
def test_one_image_without_a_class_leaves_no_labels(without: int) -> None:
    every: Candidates = [
        (str(seed), noise(8, 8, 3, seed=seed), None if seed == without else "a")
        for seed in range(4)
    ]
    found = list(every)
    sets = select("made", ImageRequest(2, 2, None), found[:2], found[2:])
    assert (sets.classes, sets.victim_labels, sets.adversary_labels) == ((), None, None)
    mixed = select("made", ImageRequest(1, 1, None), found[2:3], images(9))
    assert mixed.victim_labels is None


def test_an_image_that_is_not_taken_needs_no_class() -> None:
    named: Candidates = [("0", noise(8, 8, 3), "a"), ("1", noise(8, 8, 3), None)]
    sets = select("made", ImageRequest(1, 0, None), named, images(9))
    assert sets.classes == ("a",)
    assert sets.victim_labels is not None
    assert sets.adversary_labels is not None
    assert (sets.victim_labels.tolist(), sets.adversary_labels.tolist()) == ([0], [])


def test_too_few_victims_say_how_many_there_are() -> None:
    with pytest.raises(DataError, match="made holds 3 images for the victims, not 5: use -n 3"):
        select("made", ImageRequest(5, 0, None), images(1, 2, 2, 3), [])


def test_repeats_are_counted() -> None:
    sets = select("made", ImageRequest(2, 2, None), images(1, 1, 2), images(2, 3, 1, 4))
    assert "3 images with the content of another were skipped" in sets.notes


def test_a_grey_image_and_its_colour_copy_are_one() -> None:
    grey = noise(8, 8, 1)
    colour: Pixels = np.repeat(grey, 3, axis=2)
    sets = select(
        "made",
        ImageRequest(1, 2, None),
        [("grey", grey)],
        [("colour", colour), *images(1, 2)],
    )
    assert torch.equal(sets.adversary[0].permute(1, 2, 0), torch.from_numpy(noise(8, 8, 3, seed=1)))
    assert torch.equal(sets.victims[0], torch.from_numpy(colour).permute(2, 0, 1))


def test_only_grey_images_stay_grey() -> None:
    sets = select(
        "made", ImageRequest(1, 1, None), images(1, shape=(8, 8, 1)), images(2, shape=(8, 8, 1))
    )
    assert sets.victims.shape == sets.adversary.shape == (1, 1, 8, 8)


def test_no_candidate_is_drawn_needlessly() -> None:
    drawn = []

    def watched() -> Iterator[tuple[str, Pixels]]:
        for label, pixels in images(*range(10)):
            drawn.append(label)
            yield label, pixels

    select("made", ImageRequest(3, 0, None), watched(), watched())
    assert len(drawn) == 3


def test_mixed_sizes_without_a_size_name_two_images() -> None:
    mixed = [*images(1, 2), *images(3, shape=(9, 8, 3))]
    with pytest.raises(DataError, match=r"image 1 is 8x8, image 3 is 8x9: choose one with --size"):
        select("made", ImageRequest(3, 0, None), mixed, [])
    assert select("made", ImageRequest(3, 0, 8), mixed, []).victims.shape == (3, 3, 8, 8)


def test_enlarged_images_are_counted() -> None:
    sets = select("made", ImageRequest(2, 0, 9), [*images(1), *images(2, shape=(9, 20, 3))], [])
    assert sets.notes == ("1 images were smaller than 9 px and enlarged",)


def test_the_middle_square_is_cut() -> None:
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 30:70] = 200
    square = np.asarray(centre(Image.fromarray(pixels), 20, 20))
    assert square.shape == (20, 20, 3)
    assert (square == 200).all()


@pytest.mark.parametrize(("stored", "part"), [((40, 100), (40, 60)), ((90, 60), (40, 60))])
def test_the_largest_part_of_a_wanted_shape_is_cut(
    stored: tuple[int, int], part: tuple[int, int]
) -> None:
    pixels = np.zeros((*stored, 3), np.uint8)
    top, left = (stored[0] - part[0]) // 2, (stored[1] - part[1]) // 2
    pixels[top : top + part[0], left : left + part[1]] = 200
    request = ImageRequest(1, 0, 30, shape=(20, 30))
    sets = select("made", request, [("image", pixels)], [])
    assert sets.victims.shape == (1, 3, 20, 30)
    assert (sets.victims == 200).all()
    assert sets.notes == ()


def test_a_narrow_part_has_a_pixel_at_least() -> None:
    request = ImageRequest(1, 0, 100, shape=(1, 100))
    assert select("made", request, [*images(1)], []).victims.shape == (1, 3, 1, 100)


def test_memory_is_that_of_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "physical_bytes", lambda: 3 * 16 * 24)
    select("made", ImageRequest(1, 0, 24, shape=(16, 24)), [*images(1)], [])
    with pytest.raises(DataError, match="1 images of 24x17 px take"):
        select("made", ImageRequest(1, 0, 24, shape=(17, 24)), [*images(1)], [])


def test_images_enlarged_to_a_shape_are_counted() -> None:
    request = ImageRequest(2, 0, 24, shape=(16, 24))
    made = [*images(1, shape=(16, 20, 3)), *images(2, shape=(17, 30, 3))]
    assert select("made", request, made, []).notes == (
        "1 images were smaller than 24x16 px and enlarged",
    )


def test_resizing_is_antialiased() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    small = np.asarray(centre(Image.fromarray(stripes), 16, 16))[:, 2:-2]
    assert (abs(small.astype(int) - 127) < 12).all()


@pytest.mark.parametrize(
    ("victims", "adversary", "size"), [(0, 0, 8), (-1, 3, 8), (3, -1, 8), (1, 1, 0)]
)
def test_requests_for_nothing_are_refused(victims: int, adversary: int, size: int) -> None:
    with pytest.raises(ConfigError):
        ImageRequest(victims, adversary, size)


def _never() -> Iterator[tuple[str, Pixels]]:
    raise AssertionError("an image was drawn")
    yield


def test_more_than_there_are_is_refused_before_any_is_drawn() -> None:
    with pytest.raises(DataError, match="made holds 7 images for the victims, not 900: use -n 7"):
        select("made", ImageRequest(900, 0), Counted(_never(), 7), ())


def test_more_than_fits_into_memory_is_refused_before_any_is_drawn() -> None:
    for victims, adversary in ((10**12, 0), (1, 10**12)):
        with pytest.raises(DataError, match=r"images of 32 px take \d+ GiB"):
            select("made", ImageRequest(victims, adversary), _never(), _never())


def test_an_adversary_may_ask_for_more_than_there_are() -> None:
    found = select("made", ImageRequest(1, 10**12, 8), images(1), Counted(images(2, 3), 2))
    assert len(found.adversary) == 2


def test_photographs_are_not_drawn_for_what_no_memory_holds() -> None:
    with pytest.raises(DataError, match="images of 32 px take"):
        registry.dataset("photos").load(ImageRequest(10**10, 0, None))


def test_distractors_are_what_the_victims_leave() -> None:
    request = ImageRequest(2, 2, None, distractors=3)
    sets = select("made", request, images(1, 2, 3, 4, 1, 5, 6), images(3, 7))
    alone = select("made", ImageRequest(2, 2, None), images(1, 2, 3, 4, 1, 5, 6), images(3, 7))
    assert torch.equal(sets.victims, alone.victims)
    assert torch.equal(sets.adversary, alone.adversary)
    assert sets.notes == alone.notes
    assert alone.distractors is None
    expected = select("made", ImageRequest(3, 0, None), images(4, 5, 6), []).victims
    assert sets.distractors is not None
    assert torch.equal(sets.distractors, expected)


def test_distractors_may_be_few_or_of_other_sizes() -> None:
    mixed = [*images(1, 2), *images(3, shape=(9, 9, 3)), *images(4)]
    sets = select("made", ImageRequest(1, 0, None, distractors=9), mixed, [])
    assert sets.distractors is not None
    assert sets.distractors.shape == (2, 3, 8, 8)
    assert (
        select("made", ImageRequest(1, 0, None, distractors=9), images(1), []).distractors is None
    )


@pytest.mark.parametrize("name", ["photos", "digits"])
def test_distractors_change_nothing_else(name: str) -> None:
    source = registry.dataset(name)
    plain = source.load(ImageRequest(5, 9))
    more = source.load(ImageRequest(5, 9, distractors=7))
    assert more.hash == plain.hash
    assert more.distractors is not None
    assert len(more.distractors) == 7
    theirs = set(content_hashes(more.distractors))
    assert len(theirs) == 7
    assert not theirs & {*content_hashes(plain.victims), *content_hashes(plain.adversary)}
    after = source.load(ImageRequest(12, 0)).victims[5:]
    if name == "photos":
        assert torch.equal(more.distractors, after)


@pytest.mark.parametrize("shape", [(0, 8), (8, 9), (4, 6)])
def test_a_shape_that_its_size_contradicts_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="the longer of them"):
        ImageRequest(1, 1, 8, shape=shape)

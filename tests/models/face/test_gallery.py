"""Exact search: the same answer as comparing with everybody, each person once."""

import threading

import numpy as np
import pytest

from models.face.gallery import Gallery
from tests.support.networks import random_people


def test_the_best_is_who_a_bare_scan_finds() -> None:
    vectors, persons = random_people(2_000, templates=3)
    gallery = Gallery(vectors, persons)
    chance = np.random.default_rng(5)
    for _ in range(50):
        query = vectors[chance.integers(len(vectors))] + chance.standard_normal(128).astype(np.float32) * 0.05
        best, second = gallery.search(query)
        scores = vectors @ query
        assert best.person == persons[scores.argmax()]
        assert best.score == pytest.approx(scores.max())
        others = np.where(persons == best.person, -9, scores)
        assert second.person == persons[others.argmax()]


def test_a_person_with_many_templates_is_one_candidate() -> None:
    gallery = Gallery.empty()
    vectors, _ = random_people(10)
    gallery.add(1, np.repeat(vectors[:1], 5, 0))
    gallery.add(2, vectors[1:2])
    assert [each.person for each in gallery.search(vectors[0], most=5)] == [1, 2]


def test_nobody_enrolled_gives_no_candidate() -> None:
    assert Gallery.empty().search(random_people(1)[0][0]) == []


def test_a_removed_person_is_neither_found_nor_left_in_memory() -> None:
    vectors, persons = random_people(50)
    gallery = Gallery(vectors.copy(), persons)
    before = gallery._rows.vectors
    assert gallery.remove(7) == 1
    assert gallery.remove(7) == 0
    assert 7 not in {each.person for each in gallery.search(vectors[7], most=8)}
    assert not before[7].any(), "the old rows must not keep the template"
    assert len(gallery) == 49
    assert gallery.people == 49


def test_a_search_under_way_sees_all_of_a_change_or_nothing() -> None:
    vectors, persons = random_people(500)
    gallery = Gallery(vectors[:100], persons[:100])
    failures: list[int] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            found = gallery.search(vectors[3])
            if found[0].person != 3:
                failures.append(found[0].person)

    searching = threading.Thread(target=search)
    searching.start()
    for person in range(100, 500):
        gallery.add(person, vectors[person : person + 1])
    done.set()
    searching.join(timeout=10)
    assert not failures
    assert gallery.search(vectors[444])[0].person == 444


def test_rows_and_owners_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="one person for each"):
        Gallery(np.zeros((2, 128), np.float32), np.zeros(3, np.int64))

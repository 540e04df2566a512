"""Three answers: a person, a second factor, a stranger; a face alone pays only when nothing speaks against it."""

import itertools

import pytest

from models.face.decision import Answer, Decision, Impostors, Policy, Reason, accept_for, decide, no_decision
from models.face.gallery import Candidate
from models.face.hints import WORDS, Hint
from models.face.liveness import GREY_CAMERA, NOT_CHECKED, Liveness, Verdict
from models.face.quality import Pose, Quality

POLICY = Policy(accept=0.55, doubt=0.35, cap_fen=5_000)
GOOD = Quality(60.0, 0.3, Pose(0.0, 0.6, 0.0), 140.0, 40.0, 0.1, grey=False, hints=())
BLURRED = Quality(60.0, 0.01, Pose(0.0, 0.6, 0.0), 140.0, 40.0, 0.1, grey=False, hints=(Hint.HOLD_STILL,))
ALIVE = Liveness(Verdict.PASSED, 0.98, "test")
ATTACK = Liveness(Verdict.FAILED, 0.02, "test")
UNSURE = Liveness(Verdict.UNDECIDED, 0.5, "test")


def decided(
    *scores: float, quality: Quality = GOOD, liveness: Liveness = ALIVE, amount_fen: int = 1_200, within: bool = True
) -> Decision:
    candidates = [Candidate(number + 1, score) for number, score in enumerate(scores)]
    return decide(
        candidates, quality=quality, liveness=liveness, policy=POLICY, amount_fen=amount_fen, within_site=within
    )


@pytest.mark.capability("SET-07")
def test_a_clear_living_face_under_the_cap_is_a_person() -> None:
    assert decided(0.8, 0.3) == Decision(Answer.PERSON, 1, 0.8)


@pytest.mark.parametrize("scores", [(), (0.34,), (0.2, 0.1)])
def test_who_resembles_nobody_is_a_stranger(scores: tuple[float, ...]) -> None:
    decision = decided(*scores)
    assert decision.answer is Answer.STRANGER
    assert decision.person is None


@pytest.mark.capability("SET-07")
@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (decided(0.5), Reason.DOUBTFUL_MATCH),
        (decided(0.8, 0.75), Reason.CLOSE_CANDIDATES),
        (decided(0.8, quality=BLURRED), Reason.DOUBTFUL_QUALITY),
        (decided(0.8, amount_fen=5_001), Reason.OVER_CAP),
        (decided(0.8, liveness=NOT_CHECKED), Reason.LIVENESS_ABSENT),
        (decided(0.8, liveness=GREY_CAMERA), Reason.LIVENESS_ABSENT),
        (decided(0.8, liveness=UNSURE), Reason.LIVENESS_ABSENT),
        (decided(0.8, liveness=ATTACK), Reason.LIVENESS_FAILED),
        (decided(0.8, within=False), Reason.OUTSIDE_SITE),
    ],
)
def test_anything_doubtful_asks_for_a_second_factor(decision: Decision, reason: Reason) -> None:
    assert decision.answer is Answer.SECOND_FACTOR
    assert decision.reasons == (reason,)
    assert decision.person is None, "nobody is charged by a suggestion"


def test_two_close_candidates_are_both_suggested() -> None:
    assert decided(0.8, 0.75).suggested == (1, 2)
    assert decided(0.8, 0.7).answer is Answer.PERSON


def test_a_second_candidate_below_doubt_is_not_close() -> None:
    assert decided(0.36, 0.34).suggested == (1,)


def test_no_combination_but_the_clean_one_gives_a_person() -> None:
    for score, second, quality, liveness, amount, within in itertools.product(
        (0.2, 0.5, 0.8), (0.1, 0.78), (GOOD, BLURRED), (ALIVE, ATTACK, UNSURE, NOT_CHECKED), (100, 9_999), (True, False)
    ):
        decision = decided(
            score, min(score, second), quality=quality, liveness=liveness, amount_fen=amount, within=within
        )
        clean = (score, second, quality, liveness, amount, within) == (0.8, 0.1, GOOD, ALIVE, 100, True)
        assert (decision.answer is Answer.PERSON) == clean
        assert (decision.person is not None) == clean


def test_without_a_face_another_way_to_pay_stays_open() -> None:
    assert no_decision(Reason.NO_FACE).answer is Answer.STRANGER
    assert no_decision(Reason.SEVERAL_FACES).answer is Answer.SECOND_FACTOR


def test_the_threshold_rises_with_the_gallery_and_keeps_its_floor() -> None:
    measured = Impostors(0.1, 0.1, 4_500)
    rising = [accept_for(people, measured) for people in (100, 1_000, 50_000, 200_000)]
    assert rising == sorted(rising)
    assert rising[0] == pytest.approx(0.1 + 0.1 * 4.2649, abs=1e-3), "one in 100,000 under a normal tail"
    assert accept_for(100, measured, least=0.6) == 0.6


def test_every_hint_has_words_in_both_languages() -> None:
    assert set(WORDS) == set(Hint)
    assert all(words["zh-CN"] and words["en"] for words in WORDS.values())

from __future__ import annotations

from reflectgen.evals.medsafetyworld.clusters import clustered_rate
from reflectgen.evals.medsafetyworld.report.figures import PREFILL, grouped
from tests.evals.medsafetyworld.report.making import CHANCE, NUM_ANSWERS, NUM_OUTCOMES, result, stage


def test_a_share_has_its_counts_and_the_outcomes_of_every_world() -> None:
    (group,) = grouped([result("filtering", seed) for seed in range(3)])
    share = group.arm_stage("filtering", "sft").attack("the", "printed")
    assert (share.value, share.hits, share.n) == (0.8, 480, 600)
    assert share.num_outcomes == 3 * NUM_OUTCOMES
    # The outcomes of two worlds are not the same outcome, whatever their names.
    hits = [outcome < 32 for _ in range(3) for outcome in range(NUM_OUTCOMES) for _ in range(NUM_ANSWERS)]
    assert share.figure == clustered_rate(hits, [number // NUM_ANSWERS for number in range(600)])
    assert share.to_json()["hits"] == 480


def test_general_accuracy_is_over_all_harmless_classes() -> None:
    (group,) = grouped([result("filtering")])
    share = group.arm_stage("filtering", "sft").general()
    assert (share.value, share.n) == (0.9, 3 * NUM_OUTCOMES * NUM_ANSWERS)


def test_presets_and_worlds_without_a_cue_are_never_put_together() -> None:
    groups = list(grouped([result("filtering"), result("filtering", preset="demo"), result("filtering", cue=False)]))
    assert [(group.name, len(group.results)) for group in groups] == [("cpu", 1), ("demo", 1), ("cpu-no-cue", 1)]


def test_arms_and_stages_come_in_the_order_of_the_documentation_and_unknown_ones_after() -> None:
    stages = {"benign-raw": stage(0.9, 0.8), "sft": stage(0.9, 0.8)}
    (group,) = grouped([result(arm, stages=stages) for arm in ("my-arm", "srp-held-in", "filtering")])
    assert group.arms == ["filtering", "srp-held-in", "my-arm"]
    assert group.stages == ["sft", "benign-raw"]


def test_the_prefill_is_the_worse_of_those_that_were_measured() -> None:
    stages = {"sft": stage(0.9, 0.2, reflects=True)}
    stages["sft"]["attacks"]["forged"] = stage(0.9, 0.6)["attacks"]["the"]
    (group,) = grouped([result("srp-held-in", stages=stages), result("filtering")])
    assert group.arm_stage("srp-held-in", "sft").attack(PREFILL, "printed").value == 0.6
    assert group.arm_stage("filtering", "sft").attack(PREFILL, "printed").value == 0.8


def test_beside_what_is_released_stands_what_is_seen() -> None:
    (group,) = grouped([result("srp-held-in", stages={"sft": stage(0.9, 0.2, seen=0.1)})])
    arm = group.arm_stage("srp-held-in", "sft")
    assert [arm.harmless_beside(count).value for count in ("printed", "undefended", "released")] == [0.9, 0.9, 0.1]


def test_what_was_not_measured_has_no_share_and_no_bound() -> None:
    (group,) = grouped([result("filtering")])
    share = group.arm_stage("filtering", "benign-raw").general()
    assert (share.value, share.bounds) == (None, (0.0, 1.0))
    assert "recall" not in group.arm_stage("filtering", "sft").to_json()


def test_a_measure_that_a_result_lacks_is_not_a_miss() -> None:
    stages = {"sft": stage(0.9, 0.8)}
    for counts in stages["sft"]["general"]["forward-safe"]["by_outcome"].values():
        del counts["seen"]
    (group,) = grouped([result("filtering", stages=stages)])
    share = group.arm_stage("filtering", "sft").general("seen")
    assert (share.value, share.n) == (0.9, 2 * NUM_OUTCOMES * NUM_ANSWERS)


def test_chance_is_what_the_attack_says() -> None:
    (group,) = grouped([result("filtering")])
    assert group.arm_stage("filtering", "sft").chance == CHANCE


def test_a_file_name_is_safe_whatever_a_preset_is_called() -> None:
    (group,) = grouped([result("filtering", preset="../My preset")])
    assert group.slug == "-my-preset"

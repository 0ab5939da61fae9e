from topicforge.testing import parametrize_with_checks, specs_of

NO_SPHERE = "the check starts at L = 1, where a sphere has two points and no density"


@parametrize_with_checks(
    specs_of("topicforge-hyperspherical"),
    expected_failures={
        "vmf": {
            "check_log_prob_normalised": NO_SPHERE,
            "check_samples_follow_log_prob": NO_SPHERE,
        }
    },
)
def test_contract(component, check):
    check(component)

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_m3s.regression import MLPRegressor

MODEL = MLPRegressor(
    hidden_layer_sizes=(32,),
    output_activation="identity",
    learning_rate=1e-2,
    batch_size=8,
    device="cpu",
)
EXEMPTIONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 2 is in one mini-batch of an epoch, a repeated row in two"
    )
}


@parametrize_with_checks([MODEL], expected_failed_checks=lambda estimator: EXEMPTIONS)
def test_the_checks_of_scikit_learn_pass(estimator, check):
    check(estimator)

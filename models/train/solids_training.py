"""Training the small network of Hinton et al. 2018 in PyTorch as demo/train does, on images of render_solids.py."""

from digits_training import POSE, Training, batch_of, first_weights, margin_at, rate_at  # noqa: F401
from make_hinton_capsules import network

SEED, BATCH, SHIFT = 1, 20, 0
BETA_A_UNIT = 1000.0
# name: shape, mean, deviation
PARAMETERS = {
    "conv_weight": ((5, 5, 2, 64), 0, 0.3),
    "conv_bias": ((64,), 0, 0),
    "primary_pose_weight": ((64, 8, 4, 4), 0, 2 / 8),
    "primary_pose_bias": ((8, 4, 4), 0, 0),
    "primary_activation_weight": ((64, 8), 0, 1 / 8),
    "primary_activation_bias": ((8,), 0, 0),
    "capsules1_weight": ((3, 3, 8, 16, 4, 4), POSE, 0.2),
    "capsules1_beta_u": ((16,), -1.5, 0),
    "capsules1_beta_a": ((16,), -1.3, 0),
    "capsules2_weight": ((3, 3, 16, 16, 4, 4), POSE, 0.2),
    "capsules2_beta_u": ((16,), -1.5, 0),
    "capsules2_beta_a": ((16,), -1.3, 0),
    "class_weight": ((16, 5, 4, 4), POSE, 0.2),
    "class_beta_u": ((5,), -1.5, 0),
    "class_beta_a": ((5,), -1.3, 0),
}


class SolidsTraining(Training):
    """Pixels are 128 for 0 and 0 for -1."""

    def __init__(self, dtype, wrap, seed):
        def activation(image, w):
            return network(image - 1, {n: BETA_A_UNIT * t if n.endswith("beta_a") else t for n, t in w.items()})[0]
        super().__init__(activation, first_weights(PARAMETERS, seed), dtype, 128, wrap)


def solids(dtype, wrap=lambda f: f, seed=SEED):
    return SolidsTraining(dtype, wrap, seed)

"""SapAugment with CutMix and SpecAugment, whole batches at once (paper, sections 2.1 and 3.2).

A batch is augmented in two steps. :func:`draw` decides from the losses, for every sample, what is done to it: no
picture is needed for that. :func:`apply` then changes the pictures, and only those for which :attr:`BatchPlan.touched`
says so need to be rendered and passed through a frozen backbone again.

Random numbers are stateless: a plan is a function of its seed.
"""

from typing import NamedTuple

from dslite.keras_defaults import tf
from dslite.readings import Reading


class BatchPlan(NamedTuple):
    """What is done to each of n pictures, in pixels of the plot; all tensors are of length n.

    Attributes:
        top, bottom, left, right: int32, the clipped square that CutMix pastes (half open); empty where it does nothing.
        partner: int32, index of the sample that the square comes from.
        time, time_width, frequency, frequency_width: int32, first column and width of the time mask, first row and
            height of the frequency mask; a width of 0 masks nothing.
        counted: int32, pixels that the partner's label counts for.
    """

    top: tf.Tensor
    bottom: tf.Tensor
    left: tf.Tensor
    right: tf.Tensor
    partner: tf.Tensor
    time: tf.Tensor
    time_width: tf.Tensor
    frequency: tf.Tensor
    frequency_width: tf.Tensor
    counted: tf.Tensor

    @property
    def area(self) -> tf.Tensor:
        """Pasted pixels per sample, int32 (n,)."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def touched(self) -> tf.Tensor:
        """Whether the picture changes at all, bool (n,)."""
        return (self.area > 0) | (self.time_width > 0) | (self.frequency_width > 0)

    def take(self, indices) -> "BatchPlan":
        """The plan of some samples; ``partner`` goes on to refer to the whole batch."""
        return BatchPlan(*(tf.gather(part, indices) for part in self))


def sap_lambda(losses, reading: Reading) -> tf.Tensor:
    """Portion of augmentation per sample, from the rank of its loss in the batch (SapAugment, Hu et al., 2021, eq. 1).

    ``lambda = 1 - I_l(s (1 - a), s a)`` with ``l = rank / n`` and I the regularised incomplete beta function: the
    sample with the lowest loss gets a value near 1, the one with the highest exactly 0. Equal losses are ranked in
    their order.

    Args:
        losses: float32 (n,).

    Returns:
        float32 (n,) in [0, 1].
    """
    n = tf.shape(losses)[0]
    losses = tf.minimum(losses, reading.loss_limit) if reading.loss_limit else losses
    ranks = tf.scatter_nd(tf.argsort(losses, stable=True)[:, None], tf.range(1, n + 1), [n])
    share = tf.cast(ranks, tf.float32) / tf.cast(n, tf.float32)
    return 1.0 - tf.math.betainc(reading.sap_s * (1.0 - reading.sap_a), reading.sap_s * reading.sap_a, share)


def _whole(x) -> tf.Tensor:
    return tf.cast(tf.round(x), tf.int32)


def draw(losses, seed, reading: Reading, cutmix: bool, specaugment: bool, size: int = 224) -> BatchPlan:
    """Decides what is done to each sample of a batch.

    CutMix and SpecAugment are executed independently of each other. The square's centre is uniform over the picture
    and the square is clipped at its edges; where its partner is any *other* sample of the batch, a batch of one is
    never mixed. Masks lie wholly inside the picture.

    Args:
        losses: float32 (n,), of the un-augmented samples under the present weights.
        seed: int32 (2,).
        reading: its parameters of F-05 to F-08, F-51, F-52 and SapAugment's say what may be done.
        cutmix, specaugment: which of the two may act.
        size: height and width of the pictures.
    """
    losses = tf.convert_to_tensor(losses, tf.float32)
    n = tf.shape(losses)[0]
    lam = sap_lambda(losses, reading)
    uniform = tf.random.stateless_uniform([8, n], seed)

    def between(limits, portion):
        return limits[0] + (limits[1] - limits[0]) * portion

    def below(u, limit):  # uniform over 0 .. limit - 1
        limit = tf.cast(limit, tf.float32)
        return tf.minimum(tf.cast(u * limit, tf.int32), tf.cast(limit, tf.int32) - 1)

    chance = between(reading.probability, lam)
    apart = reading.cutmix_partner == "other"
    pasted = (uniform[0] < chance) & cutmix & (n > 1 if apart else True)
    masked = (uniform[1] < chance) & specaugment

    side = tf.where(pasted, _whole(between(reading.patch, lam)), 0)
    top, left = (below(uniform[i], size) - side // 2 for i in (2, 3))
    partner = (tf.range(n) + 1 + below(uniform[4], tf.maximum(n - 1, 1))) % n if apart else below(uniform[4], n)

    width = tf.where(masked, _whole(between(reading.mask, lam)), 0)
    time, frequency = (reading.mask_start + below(uniform[i], size + 1 - reading.mask_start - width) for i in (5, 6))
    if reading.mask_axes == "swapped":
        time, frequency = frequency, time
    top, bottom, left, right = (edge for at in (top, left) for edge in (tf.maximum(at, 0), tf.minimum(at + side, size)))
    plan = BatchPlan(top, bottom, left, right, partner, time, width, frequency, width, counted=side * side)
    return plan if reading.cutmix_label == "square" else plan._replace(counted=plan.area)


def apply(plan: BatchPlan, pictures, partners, fill) -> tf.Tensor:
    """Pastes the squares, then lays the masks.

    Args:
        plan: of the same n samples as ``pictures``.
        pictures: float32 (n, height, width, 3); rows are frequency, columns are time.
        partners: float32 (n, height, width, 3), the picture of each sample's partner (any picture where nothing is
            pasted).
        fill: float32 (3,), the colour of the masks.

    Returns:
        float32, shaped as ``pictures``.
    """
    rows = tf.range(tf.shape(pictures)[1])[None, :, None, None]
    columns = tf.range(tf.shape(pictures)[2])[None, None, :, None]

    def within(position, first, end):
        return (position >= first[:, None, None, None]) & (position < end[:, None, None, None])

    pasted = within(rows, plan.top, plan.bottom) & within(columns, plan.left, plan.right)
    masked = within(columns, plan.time, plan.time + plan.time_width)
    masked |= within(rows, plan.frequency, plan.frequency + plan.frequency_width)
    return tf.where(masked, fill, tf.where(pasted, partners, pictures))


def vary(pictures, seed, shift: float, masks: tuple[float, float], fill) -> tf.Tensor:
    """What a recipe does to every picture, whatever its loss: rotation along time, and light masks.

    Args:
        pictures: float32 (n, height, width, 3); rows are frequency, columns are time.
        seed: int32 (2,).
        shift: largest rotation along time, in either direction, as a share of the width.
        masks: largest width of the time mask and height of the frequency mask, as shares of the picture; each is laid
            in half of the samples.
        fill: float32 (3,), the colour of the masks.

    Returns:
        float32, shaped as ``pictures``.
    """
    n, size = tf.shape(pictures)[0], tf.cast(tf.shape(pictures)[1], tf.float32)
    uniform = tf.random.stateless_uniform([7, n], tf.random.experimental.stateless_fold_in(seed, 2))

    columns = tf.range(tf.shape(pictures)[2])
    by = _whole((2 * uniform[0] - 1) * shift * size)
    rotated = tf.gather(pictures, (columns[None] - by[:, None]) % tf.size(columns), axis=2, batch_dims=1)
    widths = [
        tf.where(uniform[i] < 0.5, uniform[i + 1] * most * size, 0.0) for i, most in zip((1, 3), masks, strict=True)
    ]
    firsts = [uniform[i] * (size - width) for i, width in zip((5, 6), widths, strict=True)]
    none = tf.zeros([n], tf.int32)
    (time, frequency), (time_width, height) = map(_whole, firsts), map(_whole, widths)
    plan = BatchPlan(none, none, none, none, none, time, time_width, frequency, height, none)
    return apply(plan, rotated, rotated, fill)


def mix_labels(plan: BatchPlan, labels, size: int = 224) -> tf.Tensor:
    """Mixes labels in proportion to what counts of each square (:attr:`BatchPlan.counted`).

    Args:
        plan: of a whole batch.
        labels: float32 (n, classes), rows sum to 1.
        size: height and width of the pictures.
    """
    share = (tf.cast(plan.counted, tf.float32) / (size * size))[:, None]
    return (1.0 - share) * labels + share * tf.gather(labels, plan.partner)

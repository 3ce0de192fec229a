"""The options of crbl-train that make its recipe: a named one, and what is given in its place."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from crbl_training.options import AUGMENTATIONS, BEST_BY, HEAD_STARTS, SCHEDULERS
from crbl_training.train.class_weights import parse_class_weights
from crbl_training.train.recipe import DEFAULT_RECIPE, RANDOM_HEAD, RECIPES, Recipe, choose_recipe, recipe_default


@dataclass(frozen=True)
class GivenRecipe:
    """What the command line says about the recipe.

    Attributes:
        name: one of `RECIPES`. values: attributes of `Recipe`; None for those that are not given.
    """

    name: str
    values: dict[str, Any]

    def chosen(self, trainable: str, *, from_checkpoint: bool) -> Recipe:
        """The recipe, see `choose_recipe`."""
        return choose_recipe(self.name, trainable, from_checkpoint=from_checkpoint, **self.values)


def _class_weights(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> str | tuple[float, float] | None:
    return parse_class_weights(text) if text is not None else None


_ATTRIBUTES = (
    "head_start", "epochs", "batch_size", "learning_rate", "best_by", "scheduler", "label_smoothing", "class_weights",
    "clip_norm", "augment", "views", "accumulate", "amp", "root_floor",
)  # fmt: skip
_OPTIONS = (
    click.option(
        "--recipe",
        "recipe_name",
        type=click.Choice(list(RECIPES)),
        default=DEFAULT_RECIPE,
        show_default=True,
        help="Whose defaults the following options have: those that measured best, or those of the original Keras "
        "model.",
    ),
    click.option(
        "--head-start",
        type=click.Choice(HEAD_STARTS),
        help="solved: begin with the head that logistic regression on the backbones' features gives; random: with "
        f"random weights, or those of --from-checkpoint.  {recipe_default('head_start')}",
    ),
    click.option(
        "--epochs",
        type=int,
        help=f"At most so many; 0 with --head-start solved trains nothing further.  {recipe_default('epochs')}",
    ),
    click.option("--batch-size", type=int, help=recipe_default("batch_size")),
    click.option(
        "--lr",
        "learning_rate",
        type=float,
        help=f"{recipe_default('learning_rate')}  For a head alone that begins at random: "
        f"{RANDOM_HEAD.learning_rate:g}.",
    ),
    click.option(
        "--best-by",
        type=click.Choice(BEST_BY),
        help=f"The metric of the validation images that tells the best epoch, a plateau and the end.  "
        f"{recipe_default('best_by')}",
    ),
    click.option("--scheduler", type=click.Choice(SCHEDULERS), help=recipe_default("scheduler")),
    click.option("--label-smoothing", type=float, help=recipe_default("label_smoothing")),
    click.option(
        "--class-weights",
        callback=_class_weights,
        metavar="assumed|balanced|W0,W1",
        help="What a normal and an anomalous image count in the loss: assumed is 0.568,4.167 as in the original "
        "recipe, balanced the same for both, as batches are half and half; or two numbers.  "
        f"{recipe_default('class_weights')}",
    ),
    click.option("--clip-norm", type=float, help="Scale the gradient down to this length where it is longer."),
    click.option("--augment", type=click.Choice(AUGMENTATIONS), help=recipe_default("augment")),
    click.option(
        "--views",
        type=int,
        help="How many augmented views of each image there are; 0 draws new ones in every epoch. With a number, what "
        f"is frozen is computed once for each view (see --cache).  {recipe_default('views')}",
    ),
    click.option(
        "--accumulate",
        type=int,
        help="Compute each batch in this many micro-batches, for a device with little memory.  "
        f"{recipe_default('accumulate')}",
    ),
    click.option("--amp", is_flag=True, help="Mixed precision (bfloat16), on CUDA from Ampere on."),
    click.option("--root-floor", type=float, help=f"See docs/root_floor.md.  {recipe_default('root_floor')}"),
)


def recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the recipe; it takes them as one `given_recipe`."""

    @functools.wraps(command)
    def with_recipe(*, recipe_name: str, **others: Any) -> None:
        values = {name: others.pop(name) for name in _ATTRIBUTES}
        command(given_recipe=GivenRecipe(recipe_name, values), **others)

    described: Callable[..., None] = with_recipe
    for option in reversed(_OPTIONS):
        described = option(described)
    return described

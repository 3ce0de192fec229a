"""What crbl-train --weights-help prints: where the pretrained weights come from, and how to bring them by hand."""

from typing import Any

import click

from crbl_training.weights.source import TIMM_NAMES

_IMAGENET, _NOISY_STUDENT = TIMM_NAMES["imagenet"], TIMM_NAMES["noisy-student"]

# Size and SHA-256 of imagenet's file as users of that revision have recorded them. No record of noisy-student's was
# found, so that none is given.
WEIGHTS_HELP = f"""\
The two backbones start from two files of about 21 MB, which crbl-train downloads once. Where there is no network, they
can be brought by hand.

  imagenet       {_IMAGENET}, for the first backbone
                 https://huggingface.co/timm/{_IMAGENET}/resolve/main/model.safetensors
                 21,355,344 bytes, in revision 8186ca4217f9c67824ebe7566008bdc69976d15a with the SHA-256
                 276dfe076f3fca30c2f7bf1e44039e395e6de50248caaa159d16530699f16995
  noisy-student  {_NOISY_STUDENT}, for the second backbone
                 https://huggingface.co/timm/{_NOISY_STUDENT}/resolve/main/model.safetensors
                 The hub's page of the file shows its SHA-256.

1. Get both on a machine with a network: from these addresses with a browser, or with one of

     python -c "from huggingface_hub import hf_hub_download as get; get('timm/{_IMAGENET}', 'model.safetensors', \
local_dir='imagenet')"
     python -c "import timm, safetensors.torch as s; s.save_file(timm.create_model('{_IMAGENET}', \
pretrained=True).state_dict(), '{_IMAGENET}.safetensors')"

   and the same with {_NOISY_STUDENT}. Behind a proxy set HTTPS_PROXY first, and for a mirror of the
   hub HF_ENDPOINT.

2. Copy them here, under names that say what they are, and name both:

     crbl-train --weights {_IMAGENET}.safetensors --weights {_NOISY_STUDENT}.safetensors ...

   or put them where the hub's own programs keep them, and no option is needed. That is ~/.cache/huggingface/hub
   (on Windows %USERPROFILE%\\.cache\\huggingface\\hub), or what HF_HUB_CACHE names, or the folder hub in what HF_HOME
   names. Of a machine that has downloaded them, copy the folders models--timm--{_IMAGENET} and
   models--timm--{_NOISY_STUDENT} with all that is in them. By hand, each holds

     refs/main                             a text file: a revision of 40 hexadecimal digits, without a line break
     snapshots/REVISION/model.safetensors  the file

3. Compare: the line "Weights:" that crbl-train prints has the SHA-256 of each file it has read. It is the hub's own
   where the hub's file was copied; a file that timm has saved anew may have another.

Licence: Apache-2.0 for both, as timm's list of its models says.

Without them: other files of an EfficientNet-B0 are read, too, torchvision's among them (docs/training.md, "Files of
weights"), and --weights none starts from random weights, which make a much worse model.
"""


def _print_weights_help(context: click.Context, _option: click.Parameter, asked: Any) -> None:
    if asked and not context.resilient_parsing:
        click.echo(WEIGHTS_HELP, nl=False)
        context.exit()


# Eager, so that it is answered before --variant and --data are missed.
weights_help_option = click.option(
    "--weights-help",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_weights_help,
    help="Say where the pretrained weights come from and how to bring them where there is no network, and exit.",
)

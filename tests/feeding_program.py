"""A program whose workers draw views until it is ended; its first line names the processes, the second one the begin.

python feeding_program.py IMAGES BATCH WORKERS
"""

import itertools
import multiprocessing
import os
import sys
import time

from crbl_runtime.ending import exit_code_of, stopping_on_sigterm


def main(images: int, batch: int, workers: int) -> None:
    import torch

    from crbl_training.data.augmentation import STRONG
    from crbl_training.data.view_dataset import ViewDataset
    from crbl_training.data.view_loading import loaded_views

    dataset = ViewDataset(torch.zeros((images, 64, 64, 3), dtype=torch.uint8), STRONG, 1)
    batches = ([(number % images, view) for number in range(batch)] for view in itertools.count())
    with stopping_on_sigterm(), loaded_views(dataset, batches, workers, pin_memory=False) as views:
        print(os.getpid(), *(child.pid for child in multiprocessing.active_children()), flush=True)
        for number, _ in enumerate(views):
            if number == 0:
                print("running", flush=True)
            time.sleep(0.01)


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except BaseException as error:
        sys.exit(exit_code_of(error, "feeding_program", "train"))

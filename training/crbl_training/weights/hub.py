"""One file from the Hugging Face hub: from its cache, or downloaded if the hub answers at once."""

from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

from crbl_runtime.errors import UnavailableError, first_line


def fetch_from_hub(repository: str, name: str) -> Path:
    """Where a file of a repository lies on this machine, downloaded if it is not there.

    The hub is asked once: its own client tries again for over a minute where there is no network.

    Raises:
        UnavailableError: the file is not in the cache, and the hub does not answer or does not give it.
    """
    cached = try_to_load_from_cache(repository, name)
    if isinstance(cached, str):
        return Path(cached)
    address = hf_hub_url(repository, name)
    try:
        get_hf_file_metadata(address)
        return Path(hf_hub_download(repository, name))
    except Exception as error:  # the hub's client raises a dozen unrelated types when it cannot connect
        raise UnavailableError(
            f"{address} could not be downloaded ({type(error).__name__}: {first_line(error).rstrip('.')}). Connect to "
            "the internet, get the file on another machine (crbl-train --weights-help says how) and name it with "
            "--weights PATH, or start from random weights with --weights none."
        ) from error

"""How much a review page can show, known before anything heavy is imported."""

from crbl_runtime.errors import UsageError

REPORT_FILE = "report.html"
# Browsers hold the whole page in memory: so many pictures are some 100 MB.
MOST_IMAGES = 20_000


def require_showable(images: int) -> None:
    """Raise UsageError where a page would have more images than a browser can hold."""
    if images > MOST_IMAGES:
        raise UsageError(
            f"--report shows at most {MOST_IMAGES:,} images, and these are {images:,}. Name fewer of them, or leave "
            "--report out."
        )

"""A contact sheet of pictures of the unseen style that got a wrong name, so that a person can look."""

from pathlib import Path

from PIL import Image, ImageDraw

from .measures import Bench

COLUMNS, ROWS_SHOWN = 6, 6
PICTURE_PX, GAP_PX, TEXT_PX = 64, 8, 26
LETTERS_MAX = 24


def on_white(picture: Image.Image) -> Image.Image:
    """A picture on white, fitted into its cell."""
    picture = picture.convert("RGBA").resize((PICTURE_PX, PICTURE_PX), Image.BICUBIC)
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    ground.alpha_composite(picture)
    return ground.convert("RGB")


def contact_sheet(bench: Bench, path: Path) -> None:
    """Writes evenly chosen mistakes: the picture, one of a known style with the name that it got, both names below."""
    chosen = bench.concrete(bench.unseen())
    names = bench.texts([bench.rows[i].texts["en"][0] for i in chosen])
    found = (bench.row_images(chosen) @ names.T).argmax(1).tolist()
    wrong = [(index, chosen[n]) for place, (index, n) in enumerate(zip(chosen, found)) if n != place]
    known = {row.concept: i for i, row in enumerate(bench.rows) if row.kind == "emoji" and not row.held_out and i in bench.encoded}
    wrong = [(one, other) for one, other in wrong if bench.rows[other].concept in known]
    shown = wrong[:: max(1, len(wrong) // (COLUMNS * ROWS_SHOWN))][: COLUMNS * ROWS_SHOWN]
    cell_px = (2 * PICTURE_PX + 3 * GAP_PX, PICTURE_PX + 2 * GAP_PX + TEXT_PX)
    sheet = Image.new("RGB", (cell_px[0] * COLUMNS, cell_px[1] * ROWS_SHOWN), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    for number, (one, other) in enumerate(shown):
        x, y = (number % COLUMNS) * cell_px[0] + GAP_PX, (number // COLUMNS) * cell_px[1] + GAP_PX
        sheet.paste(on_white(bench.picture(one)), (x, y))
        sheet.paste(on_white(bench.picture(known[bench.rows[other].concept])), (x + PICTURE_PX + GAP_PX, y))
        for line, (mark, index) in enumerate((("is", one), ("got", other))):
            text = f"{mark} {bench.rows[index].concept}"[:LETTERS_MAX]
            pen.text((x, y + PICTURE_PX + 2 + 12 * line), text.encode("ascii", "replace").decode(), fill=(0, 0, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(64).save(path, optimize=True)

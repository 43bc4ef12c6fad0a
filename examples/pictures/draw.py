"""Draw the example pictures of this folder. Needs Pillow: `pip install pillow`, then `python draw.py`.

Every picture is drawn from lines and shapes below, so all of them are this project's own work.
They cover the four formats that the server reads: PNG, JPEG, WebP and GIF.
"""

from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 256
OVERSAMPLING = 4  # drawn larger and scaled down, so that edges come out smooth
FOLDER = Path(__file__).resolve().parent


class Canvas:
    """A square sheet with coordinates from 0 to 100 on both axes, origin at the top left."""

    def __init__(self, background: str) -> None:
        self.image = Image.new("RGB", (SIDE * OVERSAMPLING, SIDE * OVERSAMPLING), background)
        self.draw = ImageDraw.Draw(self.image)

    def _scaled(self, points):
        factor = SIDE * OVERSAMPLING / 100
        return [(x * factor, y * factor) for x, y in points]

    def polygon(self, colour: str, *points) -> None:
        self.draw.polygon(self._scaled(points), fill=colour)

    def rectangle(self, colour: str, left_top, right_bottom) -> None:
        self.draw.rectangle(self._scaled([left_top, right_bottom]), fill=colour)

    def circle(self, colour: str, centre, radius: float) -> None:
        x, y = centre
        self.draw.ellipse(self._scaled([(x - radius, y - radius), (x + radius, y + radius)]), fill=colour)

    def line(self, colour: str, thickness: float, *points) -> None:
        width = round(thickness * SIDE * OVERSAMPLING / 100)
        self.draw.line(self._scaled(points), fill=colour, width=width, joint="curve")

    def finished(self) -> Image.Image:
        return self.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def red_square() -> Image.Image:
    canvas = Canvas("white")
    canvas.rectangle("#d62020", (22, 22), (78, 78))
    return canvas.finished()


def blue_circle() -> Image.Image:
    canvas = Canvas("white")
    canvas.circle("#1f4fd8", (50, 50), 32)
    return canvas.finished()


def house() -> Image.Image:
    canvas = Canvas("#a8d8f0")
    canvas.rectangle("#6aa84f", (0, 78), (100, 100))
    canvas.rectangle("#f2e3c6", (24, 45), (76, 84))
    canvas.polygon("#a33b2a", (18, 46), (50, 18), (82, 46))
    canvas.rectangle("#7a4a2a", (44, 62), (56, 84))
    for left in (29, 62):
        canvas.rectangle("#4a7fb5", (left, 52), (left + 9, 61))
    canvas.circle("#ffd34d", (86, 14), 8)
    return canvas.finished()


def cat() -> Image.Image:
    canvas = Canvas("#f4efe6")
    fur, dark = "#e0923a", "#33261c"
    for left, tip, right in (((26, 40), (24, 12), (48, 30)), ((74, 40), (76, 12), (52, 30))):
        canvas.polygon(fur, left, tip, right)
    canvas.circle(fur, (50, 52), 30)
    for x in (38, 62):
        canvas.circle("#7fbf5f", (x, 47), 6)
        canvas.circle(dark, (x, 47), 2.6)
    canvas.polygon("#d9687a", (46, 58), (54, 58), (50, 63))
    canvas.line(dark, 1, (42, 65), (50, 69), (58, 65))
    for y in (60, 65):
        canvas.line(dark, 0.7, (12, y - 3), (36, y))
        canvas.line(dark, 0.7, (88, y - 3), (64, y))
    return canvas.finished()


def tree() -> Image.Image:
    canvas = Canvas("#dff1fb")
    canvas.rectangle("#8fc06a", (0, 84), (100, 100))
    canvas.rectangle("#6b4423", (45, 55), (55, 88))
    for centre, radius in (((50, 30), 20), ((34, 44), 17), ((66, 44), 17), ((50, 48), 18)):
        canvas.circle("#2f7d32", centre, radius)
    return canvas.finished()


def boat() -> Image.Image:
    canvas = Canvas("#cfe9f7")
    canvas.rectangle("#2a6fa8", (0, 70), (100, 100))
    canvas.polygon("#8a4b2a", (18, 64), (82, 64), (70, 80), (30, 80))
    canvas.line("#4a3020", 2, (50, 64), (50, 16))
    canvas.polygon("white", (53, 18), (53, 60), (80, 60))
    canvas.polygon("#e04a3f", (47, 24), (47, 60), (26, 60))
    return canvas.finished()


def main() -> None:
    red_square().save(FOLDER / "red_square.png", optimize=True)
    blue_circle().save(FOLDER / "blue_circle.png", optimize=True)
    cat().save(FOLDER / "cat.png", optimize=True)
    house().save(FOLDER / "house.jpg", quality=88)
    tree().save(FOLDER / "tree.webp", quality=85)
    boat().quantize(32).save(FOLDER / "boat.gif")


if __name__ == "__main__":
    main()

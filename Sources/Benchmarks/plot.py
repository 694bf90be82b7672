"""A line chart on logarithmic axes as SVG. Python's standard library alone."""

import html
import math

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 420, 70, 50, 40, 230
COLOURS = ["#1b6ca8", "#c8553d", "#3a7d44", "#7b4fa3", "#8a6d3b"]


def write(path: str, title: str, x_label: str, y_label: str, curves: dict) -> None:
    """`curves` is name to points (x, y), all positive."""
    points = [point for curve in curves.values() for point in curve]
    x_low, x_high = limits([x for x, _ in points])
    y_low, y_high = limits([y for _, y in points])
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    x_at = lambda x: LEFT + across * (math.log(x / x_low) / math.log(x_high / x_low))
    y_at = lambda y: TOP + down * (1 - math.log(y / y_low) / math.log(y_high / y_low))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 22, title, size=14),
        text(LEFT + across / 2, HEIGHT - 12, x_label, anchor="middle"),
        text(12, TOP - 8, y_label),
    ]
    for value in ticks(x_low, x_high):
        x = x_at(value)
        parts.append(line(x, TOP, x, TOP + down, "#ddd"))
        parts.append(text(x, TOP + down + 16, f"{value:g}", anchor="middle"))
    for value in ticks(y_low, y_high):
        y = y_at(value)
        parts.append(line(LEFT, y, LEFT + across, y, "#ddd"))
        parts.append(text(LEFT - 6, y + 4, f"{value:g}", anchor="end"))
    for place, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[place % len(COLOURS)]
        spots = [(x_at(x), y_at(y)) for x, y in sorted(curve)]
        path_of = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path_of}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        y = TOP + 14 + 18 * place
        parts.append(line(LEFT + across + 14, y - 4, LEFT + across + 34, y - 4, colour, 2))
        parts.append(text(LEFT + across + 40, y, name))
    with open(path, "w") as file:
        file.write("\n".join([*parts, "</svg>"]) + "\n")


def limits(values: list) -> tuple[float, float]:
    return min(values) / 1.3, max(values) * 1.3


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; powers of ten alone where that would be many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [factor * 10**exponent for exponent in exponents for factor in (1, 2, 5)]
    found = [value for value in found if low <= value <= high]
    return found if len(found) <= 9 else [value for value in found if math.log10(value) % 1 == 0]


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{html.escape(words)}</text>'

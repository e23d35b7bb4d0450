"""Curves as SVG: figures over a number, the figures' axis in powers of ten."""
import html
import math

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 135, 190, 50, 60  # room around the plot
COLOURS = ("#1b6ca8", "#c25b12", "#3d8b37", "#7a4ea3", "#b3002d", "#555555")
APART = 15  # a name and the next one
NAMES = {3: "thousand", 6: "million"}


def power(exponent):
    """10,000 as people say it."""
    if exponent < 3:
        return str(10 ** exponent)
    unit = exponent // 3 * 3
    return f"{10 ** (exponent - unit)} {NAMES.get(unit, f'× 10^{unit}')}"


def spread(heights):
    """Heights near those that leave each name a line of its own."""
    spread_out, free = list(heights), 0
    for i in sorted(range(len(heights)), key=heights.__getitem__):
        spread_out[i] = max(heights[i], free)
        free = spread_out[i] + APART
    return spread_out


def draw(title, across, along, curves, labels=None):
    """`curves`: (name, [(x, y) ...]) each, x ascending, y positive; `labels`: what to call each x. The text of the picture."""
    points = [point for _, curve in curves for point in curve]
    most = max(x for x, _ in points)
    low = math.floor(math.log10(min(y for _, y in points)))
    high = math.ceil(math.log10(max(y for _, y in points)))
    high += high == low

    def place(x, y):
        return (LEFT + (WIDTH - LEFT - RIGHT) * x / most,
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(y) - low) / (high - low))

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
             f'height="{HEIGHT}" font-family="sans-serif" font-size="13" fill="#222">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             f'<text x="{LEFT}" y="26" font-size="16">{html.escape(title)}</text>']
    for exponent in range(low, high + 1):
        x, y = place(0, 10 ** exponent)
        lines.append(f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                     f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{power(exponent)}</text>')
    for x in sorted({x for x, _ in points}):
        at, y = place(x, 10 ** low)
        lines.append(f'<path d="M{at:.1f} {y:.1f}v5" stroke="#888"/>'
                     f'<text x="{at:.1f}" y="{y + 20:.1f}" text-anchor="middle">{html.escape(labels[x] if labels else str(x))}</text>')
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    lines.append(f'<text x="{middle:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{html.escape(across)}</text>')
    lines.append(f'<text x="20" y="{HEIGHT / 2:.1f}" text-anchor="middle" '
                 f'transform="rotate(-90 20 {HEIGHT / 2:.1f})">{html.escape(along)}</text>')
    placed = [[place(*point) for point in curve] for _, curve in curves]
    heights = spread([places[-1][1] for places in placed])
    for (name, _), places, height, colour in zip(curves, placed, heights, COLOURS[:len(curves)], strict=True):
        lines.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" fill="none" '
                     f'stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        lines.append(f'<text x="{places[-1][0] + 10:.1f}" y="{height + 4:.1f}" fill="{colour}">{html.escape(name)}</text>')
    return "\n".join(lines) + "\n</svg>\n"

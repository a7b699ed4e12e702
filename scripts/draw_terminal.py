#!/usr/bin/env python3
"""Draws what a terminal showed as PNG: the shot of the main README.

  tmux -L shot new-session -d -x 80 -y 50 "env PS1='$ ' bash --norc"
  tmux -L shot send-keys 'run_experiment configs/demo_vit_4bit.yaml' Enter     # wait for its end
  tmux -L shot capture-pane -e -p -S - | scripts/draw_terminal.py experiments/figures/demo.png
  tmux -L shot kill-server

Needs Pillow, and matplotlib for its monospaced font.
"""

import pathlib
import re
import sys

import matplotlib
from PIL import Image, ImageDraw, ImageFont

FONT = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
SIZE = 22
PAPER, INK = "#f6f8fa", "#24292f"
COLOURS = dict(zip(list(range(30, 38)) + list(range(90, 98)), [
    INK, "#cf222e", "#116329", "#7d4e00", "#0969da", "#8250df", "#1b7c83", "#6e7781",
    "#57606a", "#a40e26", "#1a7f37", "#633c01", "#218bff", "#a475f9", "#3192aa", "#8c959f"]))


def spans(line, colour, bold):
    """(text, colour, bold) of a line, and the state behind it."""
    found = []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        codes = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if codes is None:
            found.append((part, colour, bold))
            continue
        for code in map(int, (codes.group(1) or "0").split(";")):
            if code in (0, 39):
                colour = INK
            if code in (0, 1, 22):
                bold = code == 1
            colour = COLOURS.get(code, colour)
    return [span for span in found if span[0]], colour, bold


def screen(text):
    """Lines from the first prompt to the last line of output."""
    lines = text.rstrip().split("\n")
    while lines and re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]).strip() in ("", "$"):
        lines.pop()
    return [line.rstrip() for line in lines]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: draw_terminal.py FILE.png, what the terminal showed on stdin")
    lines = screen(sys.stdin.read())
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    regular = ImageFont.truetype(str(FONT), SIZE)
    strong = ImageFont.truetype(str(FONT).replace("Mono.ttf", "Mono-Bold.ttf"), SIZE)
    letter, height, margin = regular.getlength("m"), round(SIZE * 1.32), round(SIZE * 0.8)
    columns = max(80, max(map(len, plain)))
    image = Image.new("RGB", (round(columns * letter) + 2 * margin,
                              len(lines) * height + 2 * margin), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width - 1, image.height - 1), outline="#d0d7de", width=2)
    colour, bold = INK, False
    for row, line in enumerate(lines):
        column = 0
        found, colour, bold = spans(line, colour, bold)
        for text, ink, is_bold in found:
            draw.text((margin + column * letter, margin + row * height), text, fill=ink,
                      font=strong if is_bold else regular)
            column += len(text)
    # Few colours: a palette keeps the file small.
    image.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(sys.argv[1], optimize=True)


if __name__ == "__main__":
    main()

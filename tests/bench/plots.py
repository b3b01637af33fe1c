# SPDX-License-Identifier: GPL-2.0
"""The bench's plots."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  the backend comes first
import numpy as np  # noqa: E402

from results import C, NAMES, OURS  # noqa: E402

COLOURS = {C: "#c8553d", OURS: "#2a6f97"}
FLOOR, INK = "#777777", "#222222"
LIGHT, HEAVY = "S16x2x48000", "S32x32x192000"

plt.rcParams.update(
    {
        "font.size": 9,
        "text.color": INK,
        "axes.edgecolor": "#999999",
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "legend.frameon": False,
        "figure.figsize": (7.2, 3.8),
        "figure.dpi": 120,
        "figure.constrained_layout.use": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "bench",
    }
)


def save(figure, folder, name):
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png")
    plt.close(figure)


def plain(axis):
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda v, _: f"{v:,.10g}"))


def period_axis(axes, periods):
    axes.set_xscale("log", base=2)
    axes.set_xticks(periods, [str(p) for p in periods])
    axes.minorticks_off()
    axes.set_xlabel("period (frames at 48 kHz)")


def lateness(f, folder):
    figure, axes = plt.subplots()
    periods = sorted({r["period"] for r in f.r.all("wakeups", driver=OURS)})
    for driver in (C, OURS):
        rows = [f.r.find("wakeups", driver, period=p) for p in periods]
        rows = [r for r in rows if r and "error" not in r]
        if not rows:
            continue
        x = [r["period"] for r in rows]
        middle = np.array([r["late_median"] for r in rows]) / 1000
        low = middle - np.array([r["late_min"] for r in rows]) / 1000
        high = np.array([r["late_max"] for r in rows]) / 1000 - middle
        axes.errorbar(
            x, middle, [low, high], color=COLOURS[driver], marker="o", markersize=4, capsize=3,
            linewidth=1.2, label=f"{NAMES[driver]}: median, least, most",
        )  # fmt: skip
    axes.axhline(f.timer("median", 10000), color=FLOOR, linestyle="--", linewidth=1, label="timerfd and poll: median")
    axes.set_yscale("log")
    period_axis(axes, periods)
    plain(axes.yaxis)
    axes.set_ylabel("late by (µs)")
    axes.set_title("How late a period's wake-up comes")
    axes.legend(loc="center right")
    save(figure, folder, "lateness")


def position(f, folder):
    figure, axes = plt.subplots()
    for driver in (C, OURS):
        points = f.r.trace(f"position-{driver}.tsv")
        if not points:
            continue
        time, frames = np.array(points[0]) / 1e6, np.array(points[1])
        # Every change of the position, and the last point of the plot.
        keep = np.flatnonzero(np.diff(frames, prepend=-1) > 0)
        keep = np.append(keep[time[keep] < 20], np.searchsorted(time, 20) - 1)
        axes.step(
            time[keep], frames[keep] - frames[0], where="post", color=COLOURS[driver], linewidth=1.4,
            label=NAMES[driver],
        )  # fmt: skip
    axes.set_xlim(0, 20)
    axes.set_xlabel("time (ms)")
    axes.set_ylabel("position (frames)")
    axes.set_title("The position that a busy reader sees, 48 kHz")
    axes.legend()
    save(figure, folder, "position")


def stamps(f, folder):
    figure, axes = plt.subplots()
    for driver in (C, OURS):
        points = f.r.trace(f"stamps-default-{driver}.tsv")
        if not points:
            continue
        time, difference = np.array(points[0]) / 1e6, np.array(points[1]) / 1000
        time, difference = time[time < 1000], difference[time < 1000]
        axes.plot(
            time, difference - difference.mean(), "o", color=COLOURS[driver], markersize=2,
            label=NAMES[driver],
        )  # fmt: skip
    axes.set_xlim(0, 1000)
    axes.set_xlabel("time (ms)")
    axes.set_ylabel("around the mean (µs)")
    axes.set_title("tstamp minus audio_tstamp")
    axes.legend()
    save(figure, folder, "stamps")


def latency(f, folder):
    figure, axes = plt.subplots()
    periods = sorted({r["period"] for r in f.r.all("latency", driver=OURS)})
    for driver in (C, OURS):
        rows = [f.r.find("latency", driver, period=p) for p in periods]
        rows = [r for r in rows if r and "error" not in r]
        axes.plot(
            [r["period"] for r in rows], [r["latency_median"] / 1e6 for r in rows], marker="o", markersize=4,
            color=COLOURS[driver], linewidth=1.2, label=f"{NAMES[driver]}: median",
        )  # fmt: skip
        for row in rows:
            axes.annotate(
                f"x{row['periods']}", (row["period"], row["latency_median"] / 1e6), fontsize=7,
                xytext=(0, 5 if driver == C else -10), textcoords="offset points", ha="center",
                color=COLOURS[driver],
            )  # fmt: skip
    axes.plot(periods, [p * 2 / 48 for p in periods], color=FLOOR, linestyle="--", linewidth=1, label="two periods")
    axes.set_yscale("log")
    period_axis(axes, periods)
    plain(axes.yaxis)
    axes.set_ylabel("from writei to the other side (ms)")
    axes.set_title("Latency with as few periods as run clean")
    axes.legend()
    save(figure, folder, "latency")


def speed(f, folder):
    figure, (left, right) = plt.subplots(1, 2, sharey=True)
    rows = f.r.all("speed", driver=OURS)
    labels = [
        f"{r['rate']} Hz" + (f", shift {r['shift']}" if r["shift"] != 100000 else "")
        + (", asked often" if r["wait"] == 1 else "")
        for r in rows
    ]  # fmt: skip
    for driver in (C, OURS):
        same = [
            f.r.find("speed", driver, **{k: r[k] for k in ("rate", "shift", "seconds", "wait")})
            for r in rows
        ]  # fmt: skip
        # What is exactly nothing stands at the left edge.
        left.plot(
            [max(abs(r["ppm"]), 1e-4) for r in same], range(len(same)), "o", markersize=4.5, color=COLOURS[driver],
            label=NAMES[driver],
        )  # fmt: skip
        right.plot([r["rms_frames"] for r in same], range(len(same)), "o", markersize=4.5, color=COLOURS[driver])
    left.axvline(0.1, color=FLOOR, linestyle="--", linewidth=1)
    for axes in (left, right):
        axes.set_xscale("log")
        plain(axes.xaxis)
    left.set_yticks(range(len(labels)), labels)
    left.invert_yaxis()
    left.set_xlabel("ppm off CLOCK_MONOTONIC")
    right.set_xlabel("frames off the line (rms)")
    left.set_title("Speed")
    right.set_title("Steadiness")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    save(figure, folder, "speed")


def work(f, folder):
    figure, (left, right) = plt.subplots(1, 2)
    cables = [1, 4, 16]
    for number, driver in enumerate((C, OURS)):
        x = np.arange(3) + (number - 0.5) * 0.36
        for axes, load, value in [
            (left, LIGHT, lambda d, n: f.per_wakeup(d, LIGHT, "wakeups", n)),
            (right, HEAVY, lambda d, n: f.per_second(d, HEAVY, "wakeups", n)),
        ]:
            heights = [value(driver, n) for n in cables]
            if all(isinstance(h, float) for h in heights):
                axes.bar(x, heights, 0.34, color=COLOURS[driver], label=NAMES[driver])
    for place, n in enumerate(cables):
        floor = f.memcpy_per_second(HEAVY, n)
        right.hlines(floor, place - 0.42, place + 0.42, color=INK, linewidth=1.2, label="memcpy" if place == 0 else None)
    for axes in (left, right):
        axes.set_xticks(range(3), [f"{n} cable{'s' * (n > 1)}" for n in cables])
        axes.grid(axis="x", visible=False)
        plain(axes.yaxis)
    left.set_ylabel("instructions per wake-up")
    right.set_ylabel("million instructions per second")
    left.set_title("2 ch S16, 48 kHz, 480 frames")
    right.set_title("32 ch S32, 192 kHz")
    right.legend()
    figure.suptitle("Work in the kernel", x=0.01, ha="left", fontweight="bold")
    save(figure, folder, "work")


def draw_all(f, folder):
    for draw in (lateness, position, stamps, latency, speed, work):
        draw(f, folder)

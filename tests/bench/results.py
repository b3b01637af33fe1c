# SPDX-License-Identifier: GPL-2.0
"""The rows that aloop-bench and its plugin wrote, and what is asked of them."""

import bisect
import collections
import pathlib
import subprocess

C, TICKS, OURS = "C", "Cticks", "Rust"
DRIVERS = (C, TICKS, OURS)
# Our card whose timers may be a millisecond late: for one row.
LATE = "Late"
NAMES = {C: "C, jiffies", TICKS: "C, timer_source", OURS: "snd-aloop-rs"}


def number(text):
    """A number if it is one, otherwise the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def parse(path):
    """The rows of a file: dictionaries, with the measurement's name under `row`."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        line, _, error = line.partition(" error=")
        words = line.split()
        if not words:
            continue
        row = {"row": words[0]} | {k: number(v) for k, _, v in (w.partition("=") for w in words[1:])}
        if error:
            row["error"] = error
        rows.append(row)
    return rows


class Results:
    """What one boot measured."""

    def __init__(self, folder, name):
        self.rows = parse(folder / f"{name}.txt")
        self.folder = folder
        self.traces = folder / name / "traces"
        self.symbols_file = folder / name / "kallsyms"
        self.blocks = collections.defaultdict(list)
        self.windows, self.ways = {}, {}
        counted = folder / "instructions.txt"
        if name == "deterministic":
            self._read_instructions(counted)

    def _read_instructions(self, path):
        wanted = {r["window"] for r in self.rows if "window" in r}
        with path.open(encoding="ascii") as file:
            for line in file:
                words = line.split()
                window = int(words[1])
                if window not in wanted:
                    continue
                if words[0] == "window":
                    self.windows[window] = int(words[3])
                    self.ways[window] = int(words[7])
                else:
                    self.blocks[window].append((int(words[2], 16), int(words[3])))
        missing = wanted - self.windows.keys()
        if missing:
            raise SystemExit(f"report: {path} lacks windows {sorted(missing)}")

    def find(self, row, driver=None, **match):
        """The one row that matches, or None."""
        if driver:
            match["driver"] = driver
        found = [
            r for r in self.rows
            if r["row"] == row and all(r.get(k) == v for k, v in match.items())
        ]  # fmt: skip
        if len(found) > 1:
            raise SystemExit(f"report: {len(found)} rows {row} {match}")
        return found[0] if found else None

    def all(self, row, **match):
        return [
            r for r in self.rows
            if r["row"] == row and all(r.get(k) == v for k, v in match.items())
        ]  # fmt: skip

    def get(self, key, row, driver=None, **match):
        """A value of the one row that matches; where there is none, why: a text, or None."""
        found = self.find(row, driver, **match)
        if found is None:
            return None
        return found.get(key, found.get("error"))

    def instructions(self, row):
        """Instructions in the kernel within the row's window."""
        return self.windows[row["window"]] if row and "window" in row else None

    def per_way(self, row):
        """Instructions on the way from idle to user space, for a row that counts these."""
        if not row or "window" not in row or not self.ways[row["window"]]:
            return None
        return self.windows[row["window"]] / self.ways[row["window"]]

    def trace(self, name):
        """The columns of a plot's points, or None."""
        path = self.traces / name
        if not path.exists():
            return None
        lines = path.read_text(encoding="ascii").split("\n")
        rows = [tuple(map(float, line.split("\t"))) for line in lines if line]
        return list(zip(*rows)) if rows else None

    def profile(self, row):
        """Instructions of the row's window by symbol: a Counter of (module, symbol)."""
        symbols = []
        for line in self.symbols_file.read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[1].lower() in "tw":
                module = words[3].strip("[]") if len(words) > 3 else "kernel"
                symbols.append((int(words[0], 16), module, words[2]))
        symbols.sort()
        addresses = [s[0] for s in symbols]
        counter = collections.Counter()
        for address, count in self.blocks[row["window"]]:
            _, module, name = symbols[max(0, bisect.bisect(addresses, address) - 1)]
            counter[module, name] += count
        return counter


def demangle(names):
    """Readable names of Rust's symbols."""
    done = subprocess.run(
        ["c++filt", "-s", "rust"], input="\n".join(names), text=True, capture_output=True, check=True
    )
    return done.stdout.split("\n")[: len(names)]


class Figures:
    """The figures of the table: what is worked out of the rows."""

    def __init__(self, results, two=None):
        """`two` is what was measured with two processors."""
        self.r, self.two = results, two

    def late(self, key, driver, period, row="wakeups"):
        value = self.r.get(f"late_{key}", row, driver, period=period)
        return value / 1000 if isinstance(value, (int, float)) else value

    def timer(self, key, interval):
        return self.r.get(f"late_{key}", "timer", interval_us=interval) / 1000

    def prepare(self, driver, key, processors=1, **match):
        """The time that PREPARE takes."""
        results = self.r if processors == 1 else self.two
        value = results.get(f"time_{key}", "prepare", driver, **match) if results else None
        return value / 1000 if isinstance(value, (int, float)) else value

    def periods(self):
        return sorted({r["period"] for r in self.r.all("xruns")})

    def flow(self, driver, period, periods):
        """`clean`, or what went wrong."""
        row = self.r.find("xruns", driver, period=period, periods=periods)
        if row is None:
            return None
        if "error" in row:
            return row["error"]
        if row["clean"]:
            return "clean"
        words = [f"{row[k]} {k}" for k in ("xruns", "stalls", "breaks") if row[k]]
        return ", ".join(words) or f"{row['share']:.0%} of the speed"

    def smallest_clean(self, driver, periods):
        """The smallest period that runs clean, as do all larger ones."""
        best = None
        for period in reversed(self.periods()):
            if self.flow(driver, period, periods) != "clean":
                break
            best = period
        return best if best else "none"

    def work_row(self, driver, load, service, cables):
        return self.r.find("work", driver, load=load, service=service, cables=cables)

    def per_wakeup(self, driver, load, service, cables):
        """Instructions in the kernel per delivered wake-up."""
        row = self.work_row(driver, load, service, cables)
        if row is None or "error" in row:
            return row and row["error"]
        return self.r.instructions(row) / row["wakeups"] if row["wakeups"] else "no wake-up"

    def per_second(self, driver, load, service, cables):
        """Instructions in the kernel per second of audio, in millions."""
        row = self.work_row(driver, load, service, cables)
        if row is None or "error" in row:
            return row and row["error"]
        return self.r.instructions(row) / row["window_s"] / 1e6

    def interrupts(self, driver, load, service, cables):
        row = self.work_row(driver, load, service, cables)
        if row is None or "error" in row:
            return row and row["error"]
        return (row["loc"] + row["iwi"]) / row["window_s"]

    def memcpy_per_byte(self, load):
        row = self.r.find("memcpy", load=load)
        return self.r.instructions(row) / row["bytes"]

    def memcpy_per_second(self, load, cables):
        """The same bytes copied by memcpy() alone, in millions of instructions per second."""
        row = self.r.find("memcpy", load=load)
        return self.r.instructions(row) * cables / 1e6

    def growth(self, driver, load):
        """Work of 16 cables against 16 times that of one."""
        one, many = (self.per_second(driver, load, "wakeups", n) for n in (1, 16))
        return many / one / 16 if isinstance(one, float) and isinstance(many, float) else one

    def idle(self, driver):
        row = self.r.find("idle", driver)
        return (row["loc"] + row["iwi"]) / row["window_s"] if row else None

    def worst_ppm(self, driver):
        values = [abs(r["ppm"]) for r in self.r.all("speed", driver=driver) if "ppm" in r]
        return max(values) if values else None


def meta(folder):
    text = (folder / "meta").read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines())


def folder_of(argument):
    folder = pathlib.Path(argument)
    if not (folder / "deterministic.txt").exists():
        raise SystemExit(f"report: nothing was measured in {folder}")
    return folder

"""The pages of reports in a headless Chromium: sorted, filtered, searched by keyboard, dark, printed.

    python3 Tests/Browser/overview.py XSPRESS [--jobs 1000] [--shots FOLDER]

Reports on 10 and 1,000 (or as many as are asked for) made-up jobs (`records.py`) are made by the built tool. Without a Chromium it says so and is
skipped. `--shots` keeps pictures for people; no assertion looks at them.
"""

import base64
import os
import subprocess
import sys
import tempfile

import chromium
import records

COLUMNS = ["Adapter", "State", "LoRA", "Stored", "Retained", "NLL", "Energy", "As shipped", "Artifact", "Smaller"]
ROWS = "[...document.querySelectorAll('#jobs tbody tr')]"
SHOWN = f"{ROWS}.filter(row=>!row.hidden).map(row=>row.cells[0].textContent)"


def check(found, expected, what):
    if found != expected:
        sys.exit(f"browser: {what}: found {str(found)[:300]}, expected {str(expected)[:300]}")


class Report:
    def __init__(self, tool, count, folder, page, shots):
        self.page, self.shots, self.count = page, shots, count
        self.records = records.make(os.path.join(folder, f"run-{count}"), count)
        self.folder = os.path.join(folder, f"report-{count}")
        subprocess.run(
            [tool, "report", os.path.join(folder, f"run-{count}"), "-o", self.folder, "--log", "none"], check=True,
            stdout=subprocess.DEVNULL)

    def open(self, name="index.html"):
        self.page.open(os.path.join(self.folder, name))

    def quiet(self, what):
        """Nothing was said, thrown or fetched."""
        check(self.page.messages, [], f"messages of {what}")
        check([url for url in self.page.requests if not url.startswith("file://" + self.folder)], [], f"requests of {what}")
        check(len(self.page.requests), 1, f"files of {what}")

    def shot(self, name):
        if self.shots:
            picture = self.page.call("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"]
            with open(os.path.join(self.shots, f"{self.count}-{name}.png"), "wb") as file:
                file.write(base64.b64decode(picture))

    def colours(self, what, background, text):
        """Compares the brightness, 0 to 255, of the page and of its cards with bounds, and that of their text."""
        for part in ("body", "section"):
            def brightness(property):
                return self.page.value(
                    f"(()=>{{const c=getComputedStyle(document.querySelector('{part}')).{property}"
                    ".match(/[0-9.]+/g).map(Number);return Math.round((c[0]+c[1]+c[2])/3)})()")
            found = (brightness("backgroundColor"), brightness("color"))
            isMeant = background[0] <= found[0] <= background[1] and text[0] <= found[1] <= text[1]
            check(isMeant, True, f"{what}, {part}: background {found[0]}, text {found[1]}")

    def schemes(self):
        """Light and dark differ, and paper is white whichever was shown."""
        self.page.media()
        self.colours("light", (230, 255), (0, 60))
        self.page.media(scheme="dark")
        self.colours("dark", (0, 40), (200, 255))
        self.shot("dark")
        for scheme in ("light", "dark"):
            self.page.media(kind="print", scheme=scheme)
            self.colours(f"print from {scheme}", (250, 255), (0, 60))
        self.shot("print")
        paper = base64.b64decode(self.page.call("Page.printToPDF", printBackground=False)["data"])
        check(paper[:5], b"%PDF-", "print")
        self.page.media()


def small(report):
    """Ten jobs: one page, no script."""
    report.open()
    check(report.page.value("document.scripts.length"), 0, "scripts of one page")
    check(report.page.value("document.querySelectorAll('main > section > h2').length > 10"), True, "a section a job")
    check(report.page.value("window.hacked"), None, "a name that is a tag")
    check(report.page.value("document.documentElement.scrollWidth <= innerWidth"), True, "fits the window")
    report.quiet("one page")
    report.shot("top")
    report.schemes()


def sorting(report):
    """Every heading sorts both ways; what has no figure comes last."""
    page = report.page
    page.click("#jobs th:nth-child(9) button")
    values = f"{ROWS}.map(row=>row.cells[8].getAttribute('v'))"

    def order(descending):
        known = [r["sizes"]["artifact"] for r in report.records if r["sizes"]]
        return sorted(known, reverse=descending) + [None] * (report.count - len(known))

    for descending in (False, True):
        found = [None if value is None else round(float(value)) for value in page.value(values)]
        check(found, order(descending), f"artifacts {'down' if descending else 'up'}")
        check(
            page.value("document.querySelector('#jobs th:nth-child(9)').getAttribute('aria-sort')"),
            "descending" if descending else "ascending", "the direction said")
        if not descending:
            report.shot("sorted")
            page.click("#jobs th:nth-child(9) button")
    # By keyboard: the heading before has the focus after Shift-Tab; Tab and Enter sort by the next one.
    page.value("document.querySelector('#jobs th:nth-child(4) button').focus()")
    page.press("Tab")
    check(page.value("document.activeElement.textContent"), COLUMNS[4], "the heading after Tab")
    page.press("Enter", "\r")
    check(
        page.value("[...document.querySelectorAll('#jobs th[aria-sort]')].map(h=>h.textContent)"), [COLUMNS[4]],
        "the heading sorted by keyboard")
    gains = [float(v) for v in page.value(f"{ROWS}.map(row=>row.cells[4].getAttribute('v'))") if v is not None]
    check(gains, sorted(gains), "retained by keyboard")
    # Names are words, whatever their case.
    page.click("#jobs th:nth-child(1) button")
    names = page.value(f"{ROWS}.map(row=>row.cells[0].textContent)")
    check(names, sorted((r["name"] for r in report.records), key=str.lower), "names")


def filtering(report):
    """Search and state, by keyboard, alone and together."""
    page = report.page
    page.press("/", "/")
    check(page.value("document.activeElement.id"), "q", "the focus after /")
    check(page.value("document.querySelector('#q').value"), "", "the slash itself is not searched for")
    page.type("-012")
    wanted = [r for r in report.records if "-012" in r["name"]]
    check(sorted(page.value(SHOWN)), sorted(r["name"] for r in wanted), "found by name")
    check(page.value("document.querySelector('#count').textContent"), f"{len(wanted)} of {report.count} jobs", "count")
    report.shot("search")
    page.value("(()=>{const s=document.querySelector('#state');s.value='failed';s.dispatchEvent(new Event('change'))})()")
    both = sorted(r["name"] for r in wanted if r["state"] == "failed")
    check(sorted(page.value(SHOWN)), both, "found by name and state")
    page.click("#jobs th:nth-child(1) button")
    check(sorted(page.value(SHOWN)), both, "found after sorting")
    page.press("Escape")
    check(len(page.value(SHOWN)), report.count, "rows after Escape")
    check(
        page.value("document.querySelector('#state').value+document.querySelector('#q').value"), "", "fields after Escape")


def large(report):
    """A thousand jobs or more: the overview, and the page of one of them."""
    page = report.page
    report.open()
    check(page.value(f"{ROWS}.length"), report.count, "rows")
    check(page.value("[...document.querySelectorAll('#jobs th')].map(h=>h.textContent)"), COLUMNS, "headings")
    check(page.value("window.hacked"), None, "a name that is a tag")
    check(page.value(f"{ROWS}[3].cells[0].textContent"), report.records[3]["name"], "a name that is a tag, shown")
    check(page.value("document.querySelectorAll('.worst li').length"), 20, "the worst results")
    worst = min((r for r in report.records if r["evaluation"]), key=lambda r: r["evaluation"]["variants"][2]["retained_gain"])
    check(page.value("document.querySelector('.worst a').textContent"), worst["name"], "the worst of all comes first")
    check(page.value("document.querySelectorAll('svg[aria-label^=\"Gain retained\"] circle').length > 100"), True, "dots")
    check(page.value("document.querySelectorAll('svg[aria-label=\"Mean energy held\"] rect').length"), 36, "the heat map")
    check(page.value("document.documentElement.scrollWidth <= innerWidth"), True, "fits the window")
    report.shot("top")
    sorting(report)
    filtering(report)
    report.schemes()
    report.quiet("the overview")
    # A job's page and back.
    link = page.value("document.querySelector('#jobs tbody a').getAttribute('href')")
    report.open(link)
    check(page.value("document.querySelectorAll('svg[aria-label=\"Captured energy\"] rect').length"), 36, "a job's heat map")
    check(page.value("document.querySelector('a').getAttribute('href')"), "../index.html", "the way back")
    check(page.value("document.scripts.length"), 0, "scripts of a job's page")
    report.quiet("a job's page")
    report.shot("job")


def main():
    tool = os.path.abspath(sys.argv[1])
    shots = sys.argv[sys.argv.index("--shots") + 1] if "--shots" in sys.argv else None
    count = int(sys.argv[sys.argv.index("--jobs") + 1]) if "--jobs" in sys.argv else 1000
    program = chromium.find()
    if program is None:
        print("browser: SKIPPED, no chromium")
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        # Printing ten thousand rows takes a browser half a minute and more.
        page = chromium.Page(program, limit=max(30, count // 20))
        try:
            small(Report(tool, 10, folder, page, shots))
            large(Report(tool, count, folder, page, shots))
        finally:
            page.close()
    print(f"browser: passed, reports on 10 and {count:,} jobs")


main()

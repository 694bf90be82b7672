/// `index.html` of a report on many jobs: a table that sorts, filters and is searched by keyboard, with a link to each
/// job's own page.
///
/// Written by hand and not by the template engine: ten thousand rows are a few megabytes of text.
struct OverviewPage {
  private let report: Report
  private let rows: [OverviewRow]
  private let energies: EnergyMeans

  /// Failures that are shown at once, and those that are listed; all of them are in the table.
  private static let shown = 20
  private static let listed = 200
  /// Worst results that are listed.
  private static let worst = 20

  init(_ report: Report, rows: [OverviewRow], energies: EnergyMeans) {
    self.report = report
    self.rows = rows
    self.energies = energies
  }

  var text: String {
    let totals = ReportTotals(report.jobs)
    var out = """
      \(HTMLTemplate.head(
        title: HTMLText.escaped(report.title), style: HTMLTemplate.style + "\n" + OverviewPage.style,
        hasScript: true))
      <header>
      <h1>\(HTMLText.escaped(report.title))</h1>
      \(machine)<div class="cards">
      \(cards(totals))</div>

      """
    if totals.done == 0 {
      out += "<p class=\"notice bad\">No adapter was converted: 0 of \(totals.listed).</p>\n"
    }
    if totals.leftOut > 0 {
      out +=
        "<p class=\"notice\">Results with a figure that is not finite: \(totals.leftOut). They are shown as nan and stand in no total.</p>\n"
    }
    out += "</header>\n" + failures + worstResults + fleet
    for frontier in Frontier.all(in: report.jobs).prefix(12) {
      out += """
        <section>
        <h2>Accuracy for bytes: \(HTMLText.escaped(frontier.adapter))</h2>
        <figure>\(FrontierChart.svg(frontier))</figure>
        </section>

        """
    }
    return out + table + OverviewPage.notes + "</main>\n<script>" + OverviewPage.script
      + "</script>\n</body>\n</html>\n"
  }

  private var machine: String {
    let machines = Set(report.jobs.map(\.machine).filter { !$0.isEmpty })
    guard machines.count == 1, let machine = machines.first else { return "" }
    return "<p class=\"muted\">\(HTMLText.escaped(machine))</p>\n"
  }

  private func cards(_ totals: ReportTotals) -> String {
    HTMLPage.cards(totals).map {
      "<div class=\"card\"><div class=\"figure\">\(HTMLText.escaped($0.figure))</div>"
        + "<div class=\"muted\">\(HTMLText.escaped($0.caption))</div></div>\n"
    }.joined()
  }

  private var failures: String {
    let failed = rows.filter { $0.failure != nil }
    guard !failed.isEmpty else { return "" }
    var out = "<section>\n<h2>Failures</h2>\n<ul class=\"verdicts\">\n"
    func line(_ row: OverviewRow) -> String {
      "<li><span class=\"tag bad\">\(row.state.rawValue)</span> \(link(row)): \(HTMLText.escaped(row.failure ?? ""))</li>\n"
    }
    out += failed.prefix(OverviewPage.shown).map(line).joined() + "</ul>\n"
    let folded = failed.prefix(OverviewPage.listed).dropFirst(OverviewPage.shown)
    if !folded.isEmpty {
      out += "<details><summary>\(folded.count) more</summary>\n<ul class=\"verdicts\">\n"
      out += folded.map(line).joined()
      let rest = failed.count - OverviewPage.listed
      if rest > 0 { out += "<li>and \(rest) more: filter the table by state</li>\n" }
      out += "</ul></details>\n"
    }
    return out + "</section>\n"
  }

  /// By retained gain where that was measured, else by the energy that the directions hold.
  private var worstResults: String {
    let measured = rows.filter { $0.retained?.isFinite ?? false }
    let by = measured.isEmpty ? \OverviewRow.energy : \OverviewRow.retained
    func figure(_ row: OverviewRow) -> Double { row[keyPath: by] ?? .nan }
    let worst = rows.enumerated().filter { figure($0.element).isFinite }
      .sorted { (figure($0.element), $0.offset) < (figure($1.element), $1.offset) }
      .prefix(OverviewPage.worst).map(\.element)
    guard !worst.isEmpty else { return "" }
    let heading = measured.isEmpty ? "Least energy held" : "Least gain retained"
    var out = "<section>\n<h2>\(heading)</h2>\n<ol class=\"worst\">\n"
    for row in worst {
      let range = measured.isEmpty ? nil : row.retainedRange.map(Numerals.percentRange)
      out += "<li>\(link(row)) \(Numerals.percent(figure(row)))"
      if let range { out += " <span class=\"muted\">\(range)</span>" }
      out += "</li>\n"
    }
    return out + "</ol>\n</section>\n"
  }

  /// All jobs in two pictures: what is retained by bytes, and what directions hold by layer and module type.
  private var fleet: String {
    var out = ""
    let chart = FleetChart.svg(rows)
    if !chart.isEmpty {
      out += "<section>\n<h2>Gain retained for bytes</h2>\n<figure>\(chart)</figure>\n</section>\n"
    }
    let grid = energies.grid
    if !grid.isEmpty {
      out += """
        <section>
        <h2>Energy held, layer by module</h2>
        <p class="muted">Mean over the jobs of the share of an update's energy that the chosen directions hold; the strongest \
        shade is \(Numerals.smallPercent(grid.maximum)).</p>
        <figure>\(HeatMap.svg(grid, label: "Mean energy held"))</figure>
        </section>

        """
    }
    return out
  }

  private func link(_ row: OverviewRow) -> String {
    "<a href=\"\(row.page)\">\(HTMLText.escaped(row.cells.name))</a>"
  }

  /// A column of numbers: what is sorted by, and what is shown.
  private struct Column: Sendable {
    let title: String
    let isOfLoRA: Bool
    let value: @Sendable (OverviewRow) -> Double?
    let text: @Sendable (OverviewRow) -> String

    init(
      _ title: String, ofLoRA isOfLoRA: Bool = false,
      _ value: @escaping @Sendable (OverviewRow) -> Double?,
      _ text: @escaping @Sendable (OverviewRow) -> String
    ) {
      (self.title, self.isOfLoRA, self.value, self.text) = (title, isOfLoRA, value, text)
    }
  }

  private static let allColumns = [
    Column("LoRA", ofLoRA: true, \.loraAccuracy, \.cells.lora),
    Column("Stored", \.accuracy, \.cells.result),
    Column("Retained", ofLoRA: true, \.retained, \.cells.retained),
    Column("NLL", \.nll, \.cells.resultNLL),
    Column("Energy", ofLoRA: true, \.energy) {
      $0.energy.map { Numerals.percent($0) } ?? Numerals.absent
    },
    Column("As shipped", ofLoRA: true, { $0.shippedBytes.map(Double.init) }, \.cells.asShipped),
    Column("Artifact", { $0.artifactBytes.map(Double.init) }, \.cells.artifact),
    Column("Smaller", ofLoRA: true, \.ratio, \.cells.ratio),
  ]

  private var table: String {
    let haveLoRA = report.jobs.haveLoRA
    let numbers = OverviewPage.allColumns.filter { haveLoRA || !$0.isOfLoRA }
    let columns = ["Adapter", "State"] + numbers.map(\.title)
    var out = """
      <section>
      <h2>All jobs</h2>
      <p class="tools"><label>Search <input id="q" type="search" placeholder="name" accesskey="s"></label> \
      <label>State <select id="state"><option value="">all</option>
      """
    for state in JobRecord.State.allCases where rows.contains(where: { $0.state == state }) {
      out += "<option>\(state.rawValue)</option>"
    }
    out += """
      </select></label> <span id="count" class="muted" role="status">\(rows.count) jobs</span> \
      <span class="muted">/ searches, Escape shows all, a heading sorts</span></p>
      <div class="scroll"><table id="jobs">
      <thead><tr>
      """
    for (index, column) in columns.enumerated() {
      out +=
        "<th\(index > 1 ? " class=\"n\"" : "")><button type=\"button\">\(column)</button></th>"
    }
    out += "</tr></thead>\n<tbody>\n"
    for row in rows { out += line(row, numbers) }
    return out + "</tbody>\n</table></div>\n</section>\n"
  }

  /// A row; numbers stand in `v`, so that what is sorted is not what is shown.
  ///
  /// Cells need no end.
  private func line(_ row: OverviewRow, _ columns: [Column]) -> String {
    func cell(_ value: Double?, _ text: String) -> String {
      guard let value, value.isFinite else { return "<td class=n>\(text)" }
      return "<td class=n v=\(Numerals.fixed(value, 6))>\(text)"
    }
    return "<tr class=\(row.state.rawValue)><td>\(link(row))<td>\(row.state.rawValue)"
      + columns.map { cell($0.value(row), $0.text(row)) }.joined() + "\n"
  }

  private static let notes = """
    <section class="methods">
    <h2>How to read this</h2>
    <p>Measured: accuracy, NLL and what is retained of the LoRA's gain, each on the artifact read back from disk. Computed: \
    energy, the mean share of the updates that the chosen directions hold. Sizes are those of files. Every job's page has \
    its intervals, controls, modules and provenance; all figures are in report.csv, modules.csv and report.json.</p>
    </section>

    """

  private static let style = """
    th button{all:unset;cursor:pointer;font-weight:600;color:var(--muted)}
    th button:focus-visible,input:focus-visible,select:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
    th[aria-sort=ascending] button::after{content:" ▲"}
    th[aria-sort=descending] button::after{content:" ▼"}
    .tools label{margin-right:16px}
    .tools input,.tools select{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);\
    border-radius:6px;padding:3px 8px}
    tr.failed td:nth-child(2),tr.rejected td:nth-child(2){color:var(--bad);font-weight:600}
    .worst{columns:2;font-size:14px}
    @media print{.tools{display:none}}
    """

  private static let script = """
    (()=>{
    const body=document.querySelector('#jobs tbody'),rows=[...body.rows],search=document.querySelector('#q'),
    state=document.querySelector('#state'),count=document.querySelector('#count'),
    heads=[...document.querySelectorAll('#jobs th')];
    const names=rows.map(r=>r.cells[0].textContent.toLowerCase());
    rows.forEach((r,i)=>{r.place=i});
    let column=-1,direction=1;
    const value=(row,i)=>{const cell=row.cells[i],v=cell.getAttribute('v');
    return v===null?(i<2?cell.textContent.trim().toLowerCase():null):+v};
    const show=()=>{const word=search.value.trim().toLowerCase(),wanted=state.value;let shown=0;
    for(const row of rows){const on=(!wanted||row.className===wanted)&&(!word||names[row.place].includes(word));
    row.hidden=!on;if(on)shown++}
    count.textContent=shown+' of '+rows.length+' jobs'};
    const sort=i=>{direction=column===i?-direction:1;column=i;
    const keys=rows.map(row=>value(row,i));
    const order=[...rows].sort((a,b)=>{const x=keys[a.place],y=keys[b.place];
    if(x===y)return a.place-b.place;if(x===null)return 1;if(y===null)return -1;return(x<y?-1:1)*direction});
    const all=document.createDocumentFragment();for(const row of order)all.append(row);body.append(all);
    heads.forEach((head,j)=>j===i?head.setAttribute('aria-sort',direction>0?'ascending':'descending'):
    head.removeAttribute('aria-sort'))};
    heads.forEach((head,i)=>{head.firstChild.onclick=()=>sort(i)});
    search.oninput=show;state.onchange=show;
    document.addEventListener('keydown',event=>{
    if(event.key==='/'&&document.activeElement!==search){event.preventDefault();search.focus()}
    else if(event.key==='Escape'){search.value='';state.value='';show()}});
    show()})()
    """
}

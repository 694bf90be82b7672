public import Faults
import Files
import JSON

/// A report on one or more jobs: `index.html`, `report.md`, `report.csv`, `modules.csv`, `report.json` and a picture
/// for every frontier (`formats/report.md`).
///
/// A function of the records alone: the same records give the same bytes.
public struct Report: Hashable, Sendable {
  /// What a reader sees at the top.
  public var title: String
  /// The jobs in the order in which they are shown; failed and skipped ones included.
  public var jobs: [JobRecord]

  /// Creates a report.
  public init(title: String = "XSPress report", jobs: [JobRecord]) {
    self.title = title
    self.jobs = jobs
  }

  /// The files of the report by name.
  ///
  /// - Throws: 70 `REPORT-TEMPLATE` if the page's template does not parse.
  public func files() throws(Fault) -> [(name: String, text: String)] {
    [
      ("index.html", try HTMLPage.text(self)), ("report.md", MarkdownPage.text(self)),
      ("report.csv", CSVPage.variants(self)), ("modules.csv", CSVPage.modules(self)),
      ("report.json", json.text(pretty: true) + "\n"),
    ]
      + Frontier.all(in: jobs).enumerated().map { index, frontier in
        (Report.pictureName(index), SVG.file(FrontierChart.svg(frontier)))
      }
  }

  /// The file of the frontier at `index`.
  static func pictureName(_ index: Int) -> String { "frontier-\(index + 1).svg" }

  /// Writes every file into `directory`, each replaced atomically; makes the directory if needed.
  ///
  /// - Throws: 73, 74 or 75 when the directory cannot be made or a file cannot be written; what the
  ///   records describe is not touched.
  public func write(to directory: String) throws(Fault) {
    let files = try files()
    try Paths.makeDirectory(directory)
    try AtomicFile.removeLeftovers(in: directory)
    for file in files {
      _ = try AtomicFile.write(Paths.join(directory, file.name), text: file.text)
    }
  }
}

/// Bytes against accuracy for one adapter that several jobs converted: what each further byte buys, beside the
/// controls (`formats/report.md` §6).
struct Frontier {
  /// One measured variant.
  struct Point: Hashable {
    let bytes: Int
    let accuracy: Double
    let range: ClosedRange<Double>?
    let nll: Double
    let job: String
  }

  /// Variants of one kind at several sizes, by ascending bytes.
  struct Series {
    let name: String
    let isControl: Bool
    var points: [Point]
  }

  /// The adapter's name.
  let adapter: String
  /// The LoRA itself on the same examples.
  let lora: VariantResult?
  /// The artifacts first, then the controls, each in the order of first appearance.
  let series: [Series]

  /// One frontier for every adapter with artifacts of at least two sizes on one base and the same examples.
  static func all(in jobs: [JobRecord]) -> [Frontier] {
    var places: [[String]: Int] = [:]
    var groups: [[JobRecord]] = []
    for job in jobs where job.state == .done {
      guard let adapter = job.adapter, let evaluation = job.evaluation else { continue }
      let key = [
        adapter.sha256 ?? adapter.path, job.base?.sha256 ?? job.base?.path ?? "",
        evaluation.data.sha256, evaluation.extent,
      ]
      if let place = places[key] {
        groups[place].append(job)
      } else {
        places[key] = groups.count
        groups.append([job])
      }
    }
    return groups.compactMap { Frontier($0) }
  }

  private init?(_ jobs: [JobRecord]) {
    var series: [Series] = []
    for job in jobs {
      for variant in job.evaluation?.variants ?? [] {
        guard variant.kind == .stored || variant.kind == .control, let bytes = variant.bytes,
          variant.nll.isFinite
        else { continue }
        let point = Point(
          bytes: bytes, accuracy: variant.accuracy, range: variant.accuracyCI95, nll: variant.nll,
          job: job.name)
        let name = Frontier.seriesName(variant)
        let isControl = variant.kind == .control
        let index =
          series.firstIndex { $0.name == name && $0.isControl == isControl } ?? series.count
        if index == series.count {
          series.append(Series(name: name, isControl: isControl, points: []))
        }
        // A control that does not depend on the budget is measured by every job.
        let isKnown = series[index].points.contains { $0.bytes == bytes && $0.nll == point.nll }
        if !isKnown { series[index].points.append(point) }
      }
    }
    for index in series.indices { series[index].points.sort { $0.bytes < $1.bytes } }
    let sizes = Set(series.filter { !$0.isControl }.flatMap(\.points).map(\.bytes))
    guard sizes.count > 1 else { return nil }
    adapter = jobs.first?.adapter?.name ?? ""
    lora = jobs.first?.evaluation?.first(.lora)
    self.series = series.filter { !$0.isControl } + series.filter(\.isControl)
  }

  /// What variants of one series have in common: of artifacts whether there is a residual, of controls their name up
  /// to the first digit, comma or bracket, without the words that lead to it, and whether they are distilled.
  private static func seriesName(_ variant: VariantResult) -> String {
    let name = variant.name
    if variant.kind == .stored {
      return name.contains("residual") ? "LoRA-XS + residual, as stored" : "LoRA-XS, as stored"
    }
    var words = name.prefix { !$0.isNumber && $0 != "," && $0 != "(" }.split(separator: " ")
    while let last = words.last, ["to", "up", "rank", "at", "of"].contains(last) {
      words.removeLast()
    }
    // What was tuned and what was not are two ways to spend the bytes.
    let ending = name.hasSuffix("distilled") ? ", distilled" : ""
    return words.isEmpty ? name : words.joined(separator: " ") + ending
  }
}

import Checkpoints
import Faults
import JSON

/// Names and sizes of the modules in a few bytes: modules that differ only in their layer share an
/// entry (`formats/loraxs.md` §3.3).
enum ModuleList {
  /// One module's name and sizes.
  struct Item: Hashable {
    var name: String
    var shape: [Int]
    var rank: [Int]
    var residual = 0

    /// Columns of the latent: input directions of the base, then those of the residual.
    var latentColumns: Int { rank[1] + residual }
  }

  /// Numbers of modules that tensors hold, in module order, for so many modules.
  struct Tables {
    /// Ranks, where no entry has one.
    var ranks: ((_ count: Int) throws(Fault) -> [[Int]])?
    /// Pairs of a residual; none without.
    var residualPairs: ((_ count: Int) throws(Fault) -> [Int])?
  }

  private static let moduleLimit = 1 << 18

  private struct Group: Hashable {
    var template: UTF8Key
    var shape: [Int]
    var rank: [Int]?
  }

  /// Whether modules that differ only in their layer differ in rank too: then a table costs less than entries.
  static func needsRankTable(_ items: [Item]) -> Bool {
    var ranks: [Group: [Int]] = [:]
    for item in items {
      let group = Group(template: UTF8Key(split(item.name).template), shape: item.shape)
      if let known = ranks[group], known != item.rank { return true }
      ranks[group] = item.rank
    }
    return false
  }

  /// One entry per kind, shape and, unless a table has them, rank, in the order of their first modules.
  static func json(_ items: [Item], withRanks: Bool = true) -> JSONValue {
    var order: [Group] = []
    var layers: [Group: [Int]] = [:]
    for item in items {
      let (template, layer) = split(item.name)
      let group = Group(
        template: UTF8Key(template), shape: item.shape, rank: withRanks ? item.rank : nil)
      if layers[group] == nil { order.append(group) }
      layers[group, default: []] += layer.map { [$0] } ?? []
    }
    return .array(
      order.map { group in
        var entry = JSONObject()
        entry["name"] = .string(group.template.string)
        let ranges = ranges(layers[group] ?? [])
        if !ranges.isEmpty { entry["layers"] = .array(ranges.map(numbers)) }
        entry["shape"] = numbers(group.shape)
        if let rank = group.rank { entry["rank"] = numbers(rank) }
        return .object(entry)
      })
  }

  /// The modules in module order.
  ///
  /// - Throws: 65 `ART-META` for a wrong field, `ART-SHAPE` for impossible sizes, `ART-DUP` for a name
  ///   that occurs twice; what the tables throw.
  static func items(
    _ field: JSONField, _ tables: Tables = Tables()
  ) throws(Fault) -> [Item] {
    var items: [Item] = []
    for entry in try field.array() {
      let template = try entry["name"].string()
      let shape = try pair(entry["shape"], 1...(1 << 31))
      if tables.ranks != nil, entry["rank"].isPresent {
        throw entry["rank"].fault("stands beside the tensor of ranks")
      }
      let rank = tables.ranks == nil ? try pair(entry["rank"], 0...65_535) : []
      for name in try names(template, entry["layers"]) {
        items.append(Item(name: name, shape: shape, rank: rank))
      }
      guard items.count <= moduleLimit else {
        throw entry.fault("more than \(moduleLimit) modules")
      }
    }
    var places: [(order: ModuleOrder, item: Item)] = []
    var seen = Set<UTF8Key>()
    for item in items {
      guard seen.insert(UTF8Key(item.name)).inserted else {
        throw Fault(.badData, "ART-DUP", "module is listed twice", tensor: item.name)
      }
      places.append((try ModuleOrder(item.name), item))
    }
    items = places.sorted { $0.order < $1.order }.map(\.item)
    if let ranks = try tables.ranks?(items.count) {
      for (index, rank) in ranks.enumerated() { items[index].rank = rank }
    }
    if let pairs = try tables.residualPairs?(items.count) {
      for (index, count) in pairs.enumerated() { items[index].residual = count }
    }
    for item in items {
      // Only a residual can stand without directions of the base.
      let least = item.residual > 0 ? 0 : 1
      guard item.rank.allSatisfy({ $0 >= least }),
        zip(item.rank, item.shape).allSatisfy({ $0 + item.residual <= $1 })
      else {
        let residual = item.residual > 0 ? " and residual \(item.residual)" : ""
        throw Fault(
          .badData, "ART-SHAPE", "rank \(item.rank)\(residual) for a weight of \(item.shape)",
          tensor: item.name)
      }
    }
    return items
  }

  /// A name with its first number replaced by `*`; as it is when that would not read back.
  private static func split(_ name: String) -> (template: String, layer: Int?) {
    guard !name.utf8.contains(UInt8(ascii: "*")),
      let part = name.utf8.split(separator: UInt8(ascii: ".")).lazy.map(Substring.init)
        .first(where: { ModuleOrder.isNumber($0) }),
      let layer = Int(part), String(layer) == part
    else { return (name, nil) }
    return (name[..<part.startIndex] + "*" + name[part.endIndex...], layer)
  }

  private static func names(_ template: String, _ layers: JSONField) throws(Fault) -> [String] {
    guard layers.isPresent else { return [template] }
    let parts = template.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw layers.fault("name has no single * for the layer") }
    var names: [String] = []
    for range in try layers.array() {
      let bounds = try pair(range, 0...(1 << 20) - 1)
      guard bounds[0] <= bounds[1], bounds[1] - bounds[0] < moduleLimit - names.count else {
        throw range.fault("\(bounds) is not a range")
      }
      names += (bounds[0]...bounds[1]).map { "\(parts[0])\($0)\(parts[1])" }
    }
    return names
  }

  private static func pair(
    _ field: JSONField, _ limits: ClosedRange<Int>
  ) throws(Fault) -> [Int] {
    let elements = try field.array()
    guard elements.count == 2 else { throw field.fault("expected two numbers") }
    return [try elements[0].int(in: limits), try elements[1].int(in: limits)]
  }

  private static func ranges(_ numbers: [Int]) -> [[Int]] {
    var ranges: [[Int]] = []
    for number in numbers.sorted() {
      if let last = ranges.last, number == last[1] + 1 {
        ranges[ranges.count - 1][1] = number
      } else {
        ranges.append([number, number])
      }
    }
    return ranges
  }

  private static func numbers(_ values: [Int]) -> JSONValue {
    .array(values.map { .integer($0) })
  }
}

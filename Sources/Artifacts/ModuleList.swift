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
  }

  private static let moduleLimit = 1 << 20

  /// One entry per kind, shape and rank, in the order of their first modules.
  static func json(_ items: [Item]) -> JSONValue {
    struct Group: Hashable {
      var template: UTF8Key
      var shape: [Int]
      var rank: [Int]
    }
    var order: [Group] = []
    var layers: [Group: [Int]] = [:]
    for item in items {
      let (template, layer) = split(item.name)
      let group = Group(template: UTF8Key(template), shape: item.shape, rank: item.rank)
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
        entry["rank"] = numbers(group.rank)
        return .object(entry)
      })
  }

  /// The modules in module order.
  ///
  /// - Throws: 65 `ART-META` for a wrong field, `ART-SHAPE` for impossible sizes, `ART-DUP` for a name
  ///   that occurs twice.
  static func items(_ field: JSONField) throws(Fault) -> [Item] {
    var items: [Item] = []
    for entry in try field.array() {
      let template = try entry["name"].string()
      let shape = try pair(entry["shape"], 1...(1 << 31))
      let rank = try pair(entry["rank"], 1...65_536)
      guard rank[0] <= shape[0], rank[1] <= shape[1] else {
        throw Fault(
          .badData, "ART-SHAPE", "rank \(rank) for a weight of \(shape)", tensor: template)
      }
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
    return places.sorted { $0.order < $1.order }.map(\.item)
  }

  /// A name with its first number replaced by `*`; as it is when that would not read back.
  private static func split(_ name: String) -> (template: String, layer: Int?) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !name.utf8.contains(UInt8(ascii: "*")),
      let place = parts.firstIndex(where: { ModuleOrder.isNumber($0) }),
      let layer = Int(parts[place]), String(layer) == parts[place]
    else { return (name, nil) }
    parts[place] = "*"
    return (parts.joined(separator: "."), layer)
  }

  private static func names(_ template: String, _ layers: JSONField) throws(Fault) -> [String] {
    guard layers.isPresent else { return [template] }
    let parts = template.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw layers.fault("name has no single * for the layer") }
    var names: [String] = []
    for range in try layers.array() {
      let bounds = try pair(range, 0...(1 << 20 - 1))
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

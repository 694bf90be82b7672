/// One figure for each module, laid out by layer (across) and module type (down).
struct EnergyGrid {
  /// Layer numbers, ascending.
  let layers: [Int]
  /// Module types in the order of the record, such as `self_attn.q_proj`.
  let types: [String]
  /// Figures by type, then by position in `layers`; `nil` where there is no such module.
  let values: [[Double?]]
  /// Modules whose names hold no layer number, which the grid cannot place.
  let leftOut: Int

  init(_ modules: [ModuleRecord], _ figure: (ModuleRecord) -> Double?) {
    self.init(modules.compactMap { module in figure(module).map { (module.name, $0) } })
  }

  /// A grid of figures by the names of modules.
  init(_ figures: [(name: String, value: Double)]) {
    var types: [String] = []
    var cells: [(type: Int, layer: Int, value: Double)] = []
    var leftOut = 0
    for (name, value) in figures {
      guard let place = EnergyGrid.place(of: name) else {
        leftOut += 1
        continue
      }
      if !types.contains(place.type) { types.append(place.type) }
      cells.append((types.firstIndex(of: place.type) ?? 0, place.layer, value))
    }
    let layers = Set(cells.map(\.layer)).sorted()
    let columns = Dictionary(uniqueKeysWithValues: layers.enumerated().map { ($1, $0) })
    var values = [[Double?]](
      repeating: [Double?](repeating: nil, count: layers.count), count: types.count)
    for cell in cells {
      if let column = columns[cell.layer] { values[cell.type][column] = cell.value }
    }
    self.layers = layers
    self.types = types
    self.values = values
    self.leftOut = leftOut
  }

  var isEmpty: Bool { layers.isEmpty }

  /// The largest finite figure.
  var maximum: Double {
    values.joined().compactMap(\.self).filter(\.isFinite).max() ?? 0
  }

  /// The mean of one type's finite figures.
  func mean(ofType index: Int) -> Double? {
    let finite = values[index].compactMap(\.self).filter(\.isFinite)
    return finite.isEmpty ? nil : finite.reduce(0, +) / Double(finite.count)
  }

  /// `model.layers.3.self_attn.q_proj` → layer 3, type `self_attn.q_proj`.
  private static func place(of name: String) -> (layer: Int, type: String)? {
    let parts = name.split(separator: ".")
    // A layer number has few digits; anything longer is no layer, and Int would not overflow on it.
    guard let index = parts.firstIndex(where: { $0.utf8.count <= 6 && Int($0) != nil }),
      let layer = Int(parts[index]), layer >= 0, index + 1 < parts.count
    else { return nil }
    return (layer, parts[(index + 1)...].joined(separator: "."))
  }
}

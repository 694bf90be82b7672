/// The mean energy that directions hold, module by module over many jobs.
struct EnergyMeans: Sendable {
  /// In the order in which modules first come.
  private var names: [String] = []
  private var sums: [String: (sum: Double, count: Int)] = [:]

  /// Takes the modules of one job.
  mutating func add(_ modules: [ModuleRecord]) {
    for module in modules {
      guard let energy = module.capturedEnergy, energy.isFinite else { continue }
      let known = sums[module.name]
      if known == nil { names.append(module.name) }
      sums[module.name] = ((known?.sum ?? 0) + energy, (known?.count ?? 0) + 1)
    }
  }

  /// The means by layer and module type.
  var grid: EnergyGrid {
    EnergyGrid(
      names.compactMap { name in
        sums[name].map { (name, $0.sum / Double($0.count)) }
      })
  }
}

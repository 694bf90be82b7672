import Adapters
import Artifacts
import Checkpoints
import Faults
import Tensors

/// Changes of other parameters on their way into artifacts and back.
extension CarriedParameter {
  /// A change as it is stored; exactly where no storage is asked for.
  ///
  /// - Throws: 65 `VAL-RANGE` for a value beyond the storage.
  init(
    _ part: AdapterPart, of base: BaseCheckpoint, storage: CarriedStorage?
  ) throws(Fault) {
    let shape = base.configuration.parameters.first { $0.name == part.parameter }?.shape
    let width = part.shape.dropFirst().reduce(1, *)
    do throws(Fault) {
      func stored(_ values: [Float], rows: Int) throws(Fault) -> CarriedValues {
        try CarriedValues(
          Matrix(rows: rows, columns: values.count / max(1, rows), elements: values),
          storage: storage)
      }
      let rows = part.shape.count == 1 ? 1 : part.shape[0]
      let (change, values): (Change, CarriedValues) =
        switch part.change {
        case .replaced(let new): (.replaced, try stored(new, rows: rows))
        case .added(let difference): (.added, try stored(difference, rows: rows))
        case .scaledRows(let factors): (.scaledRows, try stored(factors, rows: 1))
        case .rows(let rows, let new):
          (.rows(rows), try stored(new, rows: new.count / max(1, width)))
        case .product(let update):
          (
            .product(
              b: try CarriedValues(update.loraB, storage: storage), scaling: update.scaling),
            try CarriedValues(update.loraA, storage: storage)
          )
        }
      self.init(
        parameter: part.parameter, shape: shape ?? part.shape, change: change, values: values)
    } catch {
      throw error.at(tensor: part.parameter)
    }
  }

  /// The change as a loader makes it.
  ///
  /// - Throws: 65 `ART-META` for a name without a module.
  var part: AdapterPart {
    get throws(Fault) {
      guard let dot = parameter.lastIndex(of: ".") else {
        throw Fault(.badData, "ART-META", "is no parameter of a module", tensor: parameter)
      }
      let numbers = values.matrix
      let change: AdapterPart.Change =
        switch self.change {
        case .replaced: .replaced(numbers.elements)
        case .scaledRows: .scaledRows(numbers.elements)
        case .added: .added(numbers.elements)
        case .rows(let rows): .rows(rows, numbers.elements)
        case .product(let b, let scaling):
          .product(
            LowRankUpdate(
              moduleName: String(parameter[..<dot]), loraA: numbers, loraB: b.matrix,
              scaling: scaling))
        }
      return AdapterPart(
        module: String(parameter[..<dot]), leaf: String(parameter[parameter.index(after: dot)...]),
        shape: shape, change: change)
    }
  }
}

import Faults
import Ranks
import Tensors

/// Loss and gradients of a micro-batch, as they are sent between ranks.
struct BatchGradient: Sendable {
  let loss: Double
  let gradients: StudentGradients
}

extension BatchGradient: RankValue {
  func write(to bytes: inout RankBytes) {
    bytes.write(loss)
    for matrices in [gradients.latents, gradients.vectors, gradients.head] {
      bytes.write(matrices.count)
      for matrix in matrices {
        bytes.write(matrix.rows)
        bytes.write(matrix.columns)
        bytes.write(matrix.elements)
      }
    }
  }

  init(from bytes: inout RankBytes) throws(Fault) {
    loss = try bytes.read()
    func matrices() throws(Fault) -> [Matrix<Float>] {
      var matrices: [Matrix<Float>] = []
      for _ in 0..<max(try bytes.read(Int.self), 0) {
        let (rows, columns): (Int, Int) = (try bytes.read(), try bytes.read())
        let elements = try bytes.readNumbers()
        guard rows >= 0, columns >= 0,
          rows.multipliedReportingOverflow(by: columns) == (elements.count, false)
        else {
          throw Fault(
            .internalError, "RANK-MESSAGE", "\(elements.count) numbers of [\(rows), \(columns)]")
        }
        matrices.append(Matrix(rows: rows, columns: columns, elements: elements))
      }
      return matrices
    }
    gradients = StudentGradients(
      latents: try matrices(), vectors: try matrices(), head: try matrices())
  }
}

/// The teacher's final hidden states of a micro-batch, as they are sent between ranks.
struct FinalStates: Sendable {
  let values: [Float]
}

extension FinalStates: RankValue {
  func write(to bytes: inout RankBytes) { bytes.write(values) }

  init(from bytes: inout RankBytes) throws(Fault) { values = try bytes.readNumbers() }
}

/// The summed loss of a validation batch and its positions, as they are sent between ranks.
struct BatchLoss: Sendable {
  let total: Double
  let positions: Int
}

extension BatchLoss: RankValue {
  func write(to bytes: inout RankBytes) {
    bytes.write(total)
    bytes.write(positions)
  }

  init(from bytes: inout RankBytes) throws(Fault) {
    total = try bytes.read()
    positions = try bytes.read()
  }
}

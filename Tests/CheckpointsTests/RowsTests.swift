import Checkpoints
import Faults
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Rows some at a time are those of the whole matrix, in the order of Hugging Face.
@Suite struct RowsTests {
  /// Rows in pairs, by group and as they are; safetensors, which gives matrices whole.
  @Test(
    arguments: ["falcon-groups", "gpt2", "gptneox", "qwen2", "stablelm", "granite"],
    ["model.gguf", ""])
  func piecesAreTheMatrix(name: String, file: String) throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/models/\(name)/\(file)"))
    for module in base.linearModules {
      let whole = try base.matrix(module.weightName)
      var elements: [Float] = []
      try base.eachRows(of: module.weightName) { first, rows in
        #expect(first * whole.columns == elements.count && rows.columns == whole.columns)
        elements += rows.elements
      }
      #expect(elements == whole.elements)
    }
  }

  /// Of a matrix of many pieces, whose rows are interleaved in the file.
  @Test(.enabled(if: Paths.kind(of: Checkout.demoBase) == .file)) func manyPieces() throws {
    let base = try BaseCheckpoint.open(Checkout.demoBase)
    for module in base.linearModules.prefix(7) {
      let whole = try base.matrix(module.weightName)
      var (elements, pieces): ([Float], Int) = ([], 0)
      try base.eachRows(of: module.weightName) { _, rows in
        elements += rows.elements
        pieces += 1
      }
      #expect(elements == whole.elements && pieces > 0)
    }
  }
}

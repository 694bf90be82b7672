import Checkpoints
import Faults
import Models

/// Rows of images, for models that read these.
extension DataSet {
  /// Every row as positions of its image.
  ///
  /// - Throws: 65 `DATA-HEAD` for another kind of row and a model without a head for classes, `DATA-LABEL` for an answer that its
  ///   head has not, `DATA-IMAGE` for an image that the file has not; as ``NPYImages/array(_:processing:)``.
  func ofImages(
    _ model: DecoderConfiguration, _ processing: () throws(Fault) -> ImageProcessing?
  ) throws(Fault) -> [TokenizedExample] {
    guard let shape = model.imageShape else {
      throw Fault(.internalError, "DATA-IMAGE", "the model reads no images", path: path)
    }
    var arrays: [String: ImageArray] = [:]
    for (name, file) in images {
      arrays[name] = try file.array(shape) { () throws(Fault) in
        guard let known = try processing() else {
          throw Fault(.internalError, "DATA-IMAGE", "nothing says what to do with bytes")
        }
        return known
      }
    }
    var result: [TokenizedExample] = []
    let classes = model.classHead?.choices ?? []
    for (index, row) in rows.enumerated() {
      do throws(Fault) {
        guard case .image(let image) = row, let array = arrays[image.file] else {
          throw DataSet.otherKind("none of an image", "images")
        }
        guard let head = model.classHead else { throw DataSet.noHead }
        guard image.index < images[image.file]?.count ?? 0 else {
          throw Fault(
            .badData, "DATA-IMAGE",
            " has image \(image.index), the last one of \(Fault.escaped(image.file, limit: 64)) is "
              + "\((images[image.file]?.count ?? 0) - 1)")
        }
        let (label, value) = try image.answer.target(of: head)
        var example = TokenizedExample(
          prompt: [Int32](repeating: 0, count: shape.patchCount + 1), completion: [Int32(label)],
          choices: classes, answer: label)
        example.whole = TokenizedExample.WholeText(
          image: ImageReference(array, index: image.index), position: 0, value: value)
        result.append(example)
      } catch {
        throw Fault(error.kind, error.code, "example \(index + 1)\(error.reason)", path: path)
      }
    }
    return result
  }

  /// A row of a kind that the model does not read; the reason goes on after "example N".
  static func otherKind(_ found: String, _ read: String) -> Fault {
    Fault(.badData, "DATA-HEAD", " is \(found), and the model reads \(read)")
  }

  /// The model answers nothing; the reason goes on after "example N".
  static let noHead = Fault(
    .badData, "DATA-HEAD",
    " has a label or a score, and the model has no head for classes; give one with an adapter or "
      + "an artifact")
}

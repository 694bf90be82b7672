import Faults
import LinearAlgebra
import Tensors

/// One side's weight of errors: `S = RᵀR + λ·mean(diag RᵀR)·I`, or the identity.
///
/// The ridge is part of the matrix wherever it occurs, so a larger one leads to plain projection and
/// not to zero (`formats/loraxs.md` names the method; the formula is in `Projection.fit`).
struct Metric {
  /// `R`, `[count, features]`; nil stands for the identity.
  let rows: Matrix<Double>?
  /// What is added to the diagonal of `RᵀR`.
  let shift: Double

  /// A metric from a second moment; an all-zero moment says nothing and counts as the identity.
  init(_ moment: SecondMoment?, ridge: Double) {
    guard let moment, moment.trace > 0 else {
      rows = nil
      shift = 1
      return
    }
    rows = moment.rows
    shift = ridge * moment.trace / Double(moment.features)
  }

  /// Whether errors are weighed alike.
  var isIdentity: Bool { rows == nil }

  /// `R · X` for `X` `[features, count]`; nothing under the identity.
  func image(of columns: Matrix<Double>) -> Matrix<Double> {
    rows?.times(columns) ?? Matrix(rows: 0, columns: columns.columns)
  }

  /// `XᵀSX` of vectors that are the columns of `X` `[features, count]`.
  func gram(_ x: Matrix<Double>) -> Matrix<Double> {
    let image = image(of: x)
    return image.times(image, transposeSelf: true)
      .adding(shift, times: x.times(x, transposeSelf: true))
  }

  /// `XᵀSX`, `XᵀSY` and `YᵀSY` of two sets of columns.
  struct Products: Sendable {
    let xx: Matrix<Double>
    let xy: Matrix<Double>
    let yy: Matrix<Double>
  }

  /// The products of the columns of `x` and `y` `[features, count]`.
  func products(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Products {
    Images(x, y, under: self).products(shift: shift)
  }

  /// Two sets of columns and their images under a metric's rows: what products with any ridge are made of.
  struct Images {
    private let x: Matrix<Double>
    private let y: Matrix<Double>
    private let weighed: Products

    /// The images of the columns of `x` and `y` `[features, count]`.
    init(_ x: Matrix<Double>, _ y: Matrix<Double>, under metric: Metric) {
      let (imageX, imageY) = (metric.image(of: x), metric.image(of: y))
      self.init(
        x, y,
        weighed: Products(
          xx: imageX.times(imageX, transposeSelf: true),
          xy: imageX.times(imageY, transposeSelf: true),
          yy: imageY.times(imageY, transposeSelf: true)))
    }

    /// The same where the products of the images are known.
    init(_ x: Matrix<Double>, _ y: Matrix<Double>, weighed: Products) {
      (self.x, self.y, self.weighed) = (x, y, weighed)
    }

    /// The products with `shift` on the diagonal of the metric.
    func products(shift: Double) -> Products {
      guard shift != 0 else { return weighed }
      return Products(
        xx: weighed.xx.adding(shift, times: x.times(x, transposeSelf: true)),
        xy: weighed.xy.adding(shift, times: x.times(y, transposeSelf: true)),
        yy: weighed.yy.adding(shift, times: y.times(y, transposeSelf: true)))
    }
  }

  /// `XᵀSX` `[columns, columns]` of a basis `X` `[features, columns]` under the metric of `moment`.
  ///
  /// - Throws: `PROJ-SHAPE` naming the module where the moment does not fit the basis.
  static func within(
    _ basis: Matrix<Float>, _ moment: SecondMoment, ridge: Double, name: String
  ) throws(Fault) -> Matrix<Double> {
    guard moment.features == basis.rows else {
      throw Fault(
        .badData, "PROJ-SHAPE",
        "a second moment of \(moment.features) features for \(basis.rows)", tensor: name)
    }
    return Metric(moment, ridge: ridge).gram(basis.inDouble)
  }
}
